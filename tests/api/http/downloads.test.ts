import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, readdir, readFile, readlink, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { execa } from 'execa';
import { extract } from 'tar';
import { Dataset } from '../../../src/models/datasets/dataset.ts';
import { Run } from '../../../src/models/runs/run.ts';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { csvRows } from '../../support/rows.ts';
import { buildRun } from '../../support/runs.ts';
import { until } from '../../support/service.ts';

const LARGE_BYTES = 64 * 1024 ** 2;
/** Longer than the old header of tar has place for, and not of ASCII alone. */
const LONG_NAME = `${'very-long-'.repeat(20)}ä.txt`;

describe('downloads', function () {
  this.timeout(120_000);
  let database: TestDatabase;
  let api: ApiOnly;
  let output: string;
  let model: string;
  let single: string;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database);
    const run = await buildRun(database);
    output = join(api.env.home, 'outputs', 'job-1-run-1');
    await mkdir(join(output, 'adapter', 'deep'), { recursive: true });
    await writeFile(join(output, 'config.json'), '{"model_type": "llama"}');
    await writeFile(join(output, 'adapter', LONG_NAME), 'long');
    await writeFile(join(output, 'adapter', 'deep', 'empty'), '');
    await writeFile(join(output, 'of-one-block'), Buffer.alloc(512, 7));
    await symlink('config.json', join(output, 'link.json'));
    for (const name of ['model-1.safetensors', 'model-2.safetensors']) {
      await writeFile(join(output, name), name);
      // Without bytes of its own in between, so that it costs no disk.
      await truncate(join(output, name), LARGE_BYTES);
    }
    const written = ['config.json', 'adapter/deep/empty', 'link.json', 'never-there', `adapter/${LONG_NAME}`];
    const files = written.map((path) => ({ path, bytes: 1, sha256: `sha256 of ${path}` }));
    const result = { final_step: 1, total_steps: 1, train_loss: 1, weights_sha256: '', files, staging_path: '' };
    await Run.update({ output_path: output, result }, { where: { id: run.id } });
    model = `/jobs/${run.job_id}/download`;
    single = `/jobs/${run.job_id}/files`;
  });

  after(async () => {
    await api?.close();
    await database?.remove();
  });

  /** The answer, of which nothing is read yet. */
  async function ask(path: string, method = 'GET', headers: Record<string, string> = {}): Promise<IncomingMessage> {
    const asked = request(`${api.url}/api/v1${path}`, { method, headers, agent: false });
    asked.end();
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    return response;
  }

  const whole = async (path: string, headers?: Record<string, string>) => await buffer(await ask(path, 'GET', headers));

  /** Files below the API's home that this process, which is the API's, has open. */
  async function openFiles(): Promise<string[]> {
    const found: string[] = [];
    for (const name of await readdir('/proc/self/fd')) {
      const target = await readlink(join('/proc/self/fd', name)).catch(() => '');
      if (target.startsWith(api.env.home)) found.push(target);
    }
    return found;
  }

  it('of a model are a tar archive of every file, of the length that was said', async () => {
    const response = await ask(model);
    assert.equal(response.statusCode, 200);
    assert.match(response.headers['content-disposition'] ?? '', /job-1-run-1\.tar/);
    const archive = await buffer(response);
    assert.equal(Number(response.headers['content-length']), archive.length);
    const dir = join(api.env.home, 'unpacked');
    await mkdir(dir);
    await writeFile(join(dir, 'model.tar'), archive);
    await extract({ file: join(dir, 'model.tar'), cwd: dir });
    const names = async (of: string) => (await readdir(of, { recursive: true })).sort();
    assert.deepEqual(await names(join(dir, 'job-1-run-1')), await names(output));
    for (const name of [
      'config.json',
      `adapter/${LONG_NAME}`,
      'adapter/deep/empty',
      'of-one-block',
      'model-2.safetensors',
    ])
      assert.ok((await readFile(join(dir, 'job-1-run-1', name))).equals(await readFile(join(output, name))), name);
    assert.equal(await readlink(join(dir, 'job-1-run-1', 'link.json')), 'config.json');
    const { stdout, stderr } = await execa('tar', ['-tf', join(dir, 'model.tar')], { env: { LC_ALL: 'C.UTF-8' } });
    assert.equal(stdout.split('\n').length, (await names(output)).length + 1, stdout);
    assert.equal(stderr, '');
    await rm(dir, { recursive: true });
  });

  it('of a single file are the ones that training wrote, and no others', async () => {
    // Leave the list out of outputFile in src/api/runs/files.ts, and any file of the disk is sent; leave realpath out, and a link leads there.
    const { body } = await api.call('GET', single);
    const [first] = body.items as object[];
    assert.deepEqual(first, { path: 'config.json', bytes: 1, sha256: 'sha256 of config.json' });
    const response = await ask(`${single}/config.json`);
    assert.match(String(response.headers['content-disposition']), /attachment; filename="config.json"/);
    assert.equal(response.headers['content-type'], 'application/octet-stream');
    assert.equal(String(await buffer(response)), '{"model_type": "llama"}');
    assert.equal((await whole(`${single}/adapter/deep/empty`)).length, 0);
    assert.equal(String(await whole(`${single}/adapter/${encodeURIComponent(LONG_NAME)}`)), 'long');
    assert.equal(String(await whole(`${single}/config.json`, { Range: 'bytes=2-11' })), 'model_type');
    await writeFile(join(api.env.home, 'outside'), 'not of the model');
    for (const path of ['of-one-block', '..%2Foutside', '%2Fetc%2Fpasswd', 'adapter', '', 'config.json%00'])
      assert.equal((await ask(`${single}/${path}`)).statusCode, path === '' ? 200 : 404, path);
    for (const path of ['link.json', 'never-there']) {
      const gone = await api.call('GET', `${single}/${path}`);
      assert.deepEqual(
        [gone.status, /is not in the model's directory any more/.test(String(gone.body.detail))],
        [404, true],
      );
    }
  });

  it('that are broken off, and HEADs, leave no file open', async () => {
    // Before, with the Pack of the package tar as the body, each left as many open as the archive had files.
    // Take the `finally` out of readFile in src/api/http/download.ts and each that was broken off leaves one.
    assert.deepEqual(await openFiles(), []);
    for (let i = 0; i < 20; i++) {
      const response = await ask(model);
      await once(response, 'readable');
      assert.ok(response.read().length > 0);
      if (i === 0) assert.equal((await openFiles()).length, 1, 'one at a time');
      response.destroy();
      const head = await ask(model, 'HEAD');
      assert.equal(head.statusCode, 200);
      assert.ok(Number(head.headers['content-length']) > 2 * LARGE_BYTES);
      assert.equal((await buffer(head)).length, 0);
    }
    await until('no file to be open', async () => ((await openFiles()).length === 0 ? true : null));
  });

  it('go on where they broke off, to the same bytes', async () => {
    const head = await ask(model, 'HEAD');
    const { etag = '', 'content-length': length } = head.headers;
    assert.equal(head.headers['accept-ranges'], 'bytes');
    assert.match(etag, /^"/, 'a strong one');
    const all = await whole(model);
    // In the middle of a file, of a header, and of the padding behind one.
    for (const at of [LARGE_BYTES, 100, all.length - 700, 1]) {
      const first = await ask(model, 'GET', { Range: `bytes=0-${at - 1}` });
      assert.deepEqual([first.statusCode, first.headers['content-range']], [206, `bytes 0-${at - 1}/${length}`]);
      const rest = await ask(model, 'GET', { Range: `bytes=${at}-`, 'If-Range': etag });
      assert.equal(rest.statusCode, 206);
      const parts = [await buffer(first), await buffer(rest)];
      assert.equal(parts[0]?.length, at);
      assert.ok(Buffer.concat(parts).equals(all), `in two from byte ${at} on`);
    }
    assert.ok((await whole(model, { Range: 'bytes=-10' })).equals(all.subarray(-10)));
    const beyond = await ask(model, 'GET', { Range: `bytes=${all.length}-` });
    assert.deepEqual([beyond.statusCode, beyond.headers['content-range']], [416, `bytes */${length}`]);
    for (const [Range, status] of [
      ['bytes=0-0,5-6', 200],
      ['lines=0-1', 200],
      ['bytes=x', 416],
      ['bytes=9-1', 416],
    ] as const) {
      const response = await ask(model, 'GET', { Range });
      assert.equal(response.statusCode, status, Range);
      response.destroy();
    }
    const known = await ask(model, 'GET', { 'If-None-Match': etag });
    assert.deepEqual([known.statusCode, (await buffer(known)).length], [304, 0]);
  });

  it('are sent in whole to a client that has a part of what it was before', async () => {
    const { etag = '' } = (await ask(model, 'HEAD')).headers;
    await utimes(join(output, 'config.json'), 1, 1);
    const response = await ask(model, 'GET', { Range: 'bytes=100-', 'If-Range': etag });
    assert.equal(response.statusCode, 200);
    assert.notEqual(response.headers.etag, etag);
    response.destroy();
  });

  it('of which a file vanishes, or becomes another, are broken: never whole and too short', async () => {
    const second = join(output, 'model-2.safetensors');
    const changes: [string, () => Promise<void>][] = [
      ['becomes another', () => utimes(second, 5, 5)],
      ['becomes shorter', () => truncate(second, LARGE_BYTES / 2)],
      ['vanishes', () => rm(second)],
    ];
    for (const [what, change] of changes) {
      const response = await ask(model);
      await once(response, 'readable');
      await change();
      await assert.rejects(buffer(response), /aborted/, what);
    }
    assert.deepEqual(await openFiles(), []);
  });

  it('of a dataset are its file, in whole or in part', async () => {
    const { body } = await api.upload('rows.csv', csvRows(1_000));
    const path = `/datasets/${body.id}/download`;
    const head = await ask(path, 'HEAD');
    assert.equal(Number(head.headers['content-length']), csvRows(1_000).length);
    assert.equal(head.headers['content-type'], 'application/octet-stream');
    assert.equal(String(await whole(path)), csvRows(1_000));
    assert.equal(String(await whole(path, { Range: 'bytes=10-29' })), csvRows(1_000).slice(10, 30));
    const dataset = await Dataset.findByPk(Number(body.id));
    await rm(String(dataset?.file_path));
    const gone = await api.call('GET', path);
    assert.deepEqual([gone.status, /is not there any more/.test(String(gone.body.detail))], [404, true]);
  });
});
