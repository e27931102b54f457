import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, symlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Dataset } from '../../../src/models/datasets/dataset.ts';
import { Job } from '../../../src/models/jobs/job.ts';
import { Project } from '../../../src/models/projects/project.ts';
import { TrainingConfig } from '../../../src/models/settings/training-config.ts';
import { PROJECT_ROOT } from '../../../src/platform/env.ts';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { csvRows } from '../../support/rows.ts';

interface Input {
  what: string;
  status: number;
  method?: string;
  path: string;
  /** JSON text as it is sent, since not all of these are values of JavaScript. */
  body?: string;
  headers?: Record<string, string>;
}

const job = (fields: string) => ({ path: '/jobs/', body: `{"name": "j", "dataset_id": 1${fields}}` });
const directory = (path: string) => ({
  path: '/projects/validate-output-dir',
  body: JSON.stringify({ output_directory: path }),
});

const project = (output_directory: string) => ({
  path: '/projects/',
  body: JSON.stringify({
    ...{ name: 'p', output_directory },
    traits: [{ trait_type: 'coding', datasets: [{ dataset_id: 1, percentage: 100 }] }],
  }),
});

/** Inputs that others were broken with; each is refused with a sentence, and changes nothing. */
const INPUTS: Input[] = [
  ...['../../etc', '/etc/x', '..\\..\\x', 'a/..;/../../b', 'a\0b', '', '.', '~', '$HOME', '$(id)', 'a\nb'].map(
    (path) => ({
      what: `output directory ${JSON.stringify(path)}`,
      status: 400,
      ...directory(path),
    }),
  ),
  ...['%2e%2e%2f', '%252e', '/proc/self/environ', `/${'x'.repeat(5_000)}`, 'x'.repeat(5_000)].map((path) => ({
    what: `output directory ${path.slice(0, 30)}`,
    status: 400,
    ...directory(path),
  })),
  ...['http://evil.example/x', 's3://bucket/x', 'file:///etc/x', 'file:x'].flatMap((path) =>
    [directory(path), project(path), { ...project(path), path: '/projects/plan' }].map((input) => ({
      what: `output directory ${path} by ${input.path}`,
      status: 400,
      ...input,
    })),
  ),
  { what: 'an output directory that does not exist', status: 400, ...directory('none/such') },
  ...['ROOT', 'ROOT-evil', 'ROOT/out/x', 'ROOT/fifo'].map((path) => ({
    what: `output directory ${path}`,
    status: 400,
    ...directory(path),
  })),
  { what: 'an unknown training parameter', status: 422, ...job(', "learning_rat": 1') },
  { what: 'a status of its own', status: 422, ...job(', "status": "completed"') },
  { what: 'an id of its own', status: 422, ...job(', "id": 1') },
  { what: '__proto__', status: 422, ...job(', "__proto__": {"epochs": 9}') },
  { what: 'constructor', status: 422, ...job(', "constructor": {"prototype": {}}') },
  { what: 'NaN', status: 422, ...job(', "learning_rate": NaN') },
  { what: 'Infinity', status: 422, ...job(', "learning_rate": Infinity') },
  { what: '1e309', status: 422, ...job(', "learning_rate": 1e309') },
  { what: '2^53+1 as an id', status: 422, path: '/jobs/', body: '{"name": "j", "dataset_id": 9007199254740993}' },
  { what: 'a negative integer', status: 422, ...job(', "epochs": -1') },
  { what: 'a fractional integer', status: 422, ...job(', "epochs": 1.5') },
  { what: 'a number as a string', status: 422, ...job(', "epochs": "3"') },
  {
    what: 'a name of 256 characters',
    status: 422,
    path: '/jobs/',
    body: `{"name": "${'x'.repeat(256)}", "dataset_id": 1}`,
  },
  { what: 'a name with NUL', status: 422, path: '/jobs/', body: '{"name": "a\\u0000b", "dataset_id": 1}' },
  { what: 'half of a surrogate pair', status: 422, path: '/jobs/', body: '{"name": "\\ud800", "dataset_id": 1}' },
  { what: 'a blank name', status: 422, path: '/jobs/', body: '{"name": " \\n ", "dataset_id": 1}' },
  { what: 'deep nesting', status: 422, path: '/jobs/', body: `${'['.repeat(100_000)}${']'.repeat(100_000)}` },
  { what: 'an array', status: 422, path: '/jobs/', body: '[]' },
  { what: 'null', status: 422, path: '/jobs/', body: 'null' },
  { what: 'an empty body', status: 422, path: '/jobs/', body: '' },
  { what: 'a body that ends early', status: 422, path: '/jobs/', body: '{"name": "j", ' },
  {
    what: 'a form',
    status: 415,
    path: '/jobs/',
    body: 'name=j',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
  },
  {
    what: 'a JSON body sent as text, as other sites can',
    status: 415,
    ...job(''),
    headers: { 'Content-Type': 'text/plain' },
  },
  { what: 'a foreign Origin', status: 403, ...job(''), headers: { Origin: 'https://evil.example' } },
  { what: 'page_size=1e9', status: 422, method: 'GET', path: '/jobs/?page_size=1e9' },
  { what: 'page=0', status: 422, method: 'GET', path: '/jobs/?page=0' },
  { what: 'an unknown query field', status: 422, method: 'GET', path: '/jobs/?limit=5' },
  { what: 'an id that is no number', status: 422, method: 'GET', path: '/jobs/1%20OR%201=1' },
  { what: 'an id beyond 32 bits', status: 422, method: 'GET', path: '/jobs/99999999999' },
  { what: 'a path that climbs', status: 404, method: 'GET', path: '/%2e%2e/%2e%2e/etc/passwd' },
  { what: 'a path that does not decode', status: 422, method: 'GET', path: '/jobs/%ff' },
  {
    what: 'a file of another kind as the documentation',
    status: 404,
    method: 'GET',
    path: '/../../docs/%2e%2e/package.json',
  },
  {
    what: 'traits that sum to 99.999',
    status: 400,
    path: '/projects/plan',
    body: '{"traits": [{"trait_type": "general_tools", "datasets": [{"dataset_id": 1, "percentage": 99.999}]}]}',
  },
  {
    what: 'a configuration beyond its bounds',
    status: 422,
    method: 'PATCH',
    path: '/config/',
    body: '{"max_concurrent_workers": 33}',
  },
];

describe('hostile inputs', function () {
  this.timeout(120_000);
  let database: TestDatabase;
  let api: ApiOnly;
  let root: string;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database);
    root = api.env.outputRoots[0] ?? '';
    await mkdir(root, { recursive: true });
    await mkdir(`${root}-evil`);
    await symlink('/etc', join(root, 'out'));
    execFileSync('mkfifo', [join(root, 'fifo')]);
    await api.upload('rows.csv', csvRows(20));
  });

  after(async () => {
    await api?.close();
    await database?.remove();
  });

  async function state(): Promise<unknown> {
    const counts = await Promise.all([Dataset.count(), Job.count(), Project.count()]);
    const files = (await readdir(api.env.home, { recursive: true })).filter(
      (path) => !path.startsWith('postgres'),
    ).length;
    return { counts, files, config: (await TrainingConfig.current()).toJSON() };
  }

  for (const { what, status, method = 'POST', path, body, headers } of INPUTS) {
    it(`${what}: ${status}`, async () => {
      const before = await state();
      const response = await fetch(`${api.url}/api/v1${path}`, {
        method,
        headers: { 'Content-Type': 'application/json', ...headers },
        ...(body === undefined ? {} : { body: body.replaceAll('ROOT', root) }),
      });
      const text = await response.text();
      assert.equal(response.status, status, text);
      assert.deepEqual(Object.keys(JSON.parse(text)), ['detail']);
      assert.ok(!text.includes(PROJECT_ROOT) && !/node_modules|\.ts:\d| at \w+ \(/.test(text), text);
      assert.deepEqual(await state(), before);
    });
  }

  it('what is no HTTP gets the documented form too', async () => {
    const answer = await new Promise<string>((resolve, reject) => {
      const { hostname, port } = new URL(api.url);
      const socket = connect(Number(port), hostname, () => socket.end('NONSENSE\r\n\r\n'));
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk;
      });
      socket.on('end', () => resolve(text));
      socket.on('error', reject);
    });
    assert.match(answer, /^HTTP\/1.1 400 /);
    assert.match(answer, /\{"detail":"This is no valid HTTP request/);
  });
});
