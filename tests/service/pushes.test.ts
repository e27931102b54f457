import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadEnv } from '../../src/platform/env.ts';
import { exportsOf } from '../support/exports.ts';
import { settledPool } from '../support/hosts.ts';
import { jobsOf } from '../support/jobs.ts';
import { processesOf } from '../support/processes.ts';
import { PUSH_TOKEN, PushHub, READ_TOKEN } from '../support/push-hub.ts';
import { csvRows } from '../support/rows.ts';
import { startTestService, type TestService, until } from '../support/service.ts';

const NAME = 'bob/far';

describe('a trained model that is pushed to a hub', function () {
  this.timeout(360_000);
  let hub: PushHub;
  let service: TestService;
  let remove: () => Promise<void>;
  let folder: string;
  let output: string;
  let path: string;
  /** Of what was published: sha256 by path. */
  let published: Record<string, string>;

  before(async () => {
    hub = await PushHub.start(loadEnv());
    folder = await mkdtemp(join(tmpdir(), 'mtm-test-'));
    // As `hf auth login` leaves a token: the host agent that runs sees it change.
    process.env.HF_TOKEN_PATH = join(folder, 'token');
    ({ service, remove } = await startTestService({ hubEndpoint: hub.url }));
    delete process.env.HF_TOKEN_PATH;
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
    await settledPool(service, 1);
    const { body: dataset } = await service.upload('my rows.csv', csvRows(40));
    const jobs = jobsOf(service, Number(dataset.id));
    const id = await jobs.create({ training_type: 'qlora', epochs: 1 });
    path = `/jobs/${id}/exports`;
    const done = await jobs.ended(id);
    assert.equal(done.status, 'completed', String(done.error_message));
    output = String(done.output_path);
    const { body } = await service.call('GET', `/jobs/${id}/files`);
    const files = body.items as { path: string; sha256: string }[];
    published = Object.fromEntries(files.map((file) => [file.path, file.sha256]));
  });
  after(async () => {
    await remove?.();
    await hub?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const ask = async (more: object = {}) =>
    await service.call('POST', path, { format: 'hub', repository: NAME, ...more });
  const shown = (id: number) => exportsOf(service, path).get(id);
  const ended = (id: number) => exportsOf(service, path).ended(id);
  const pushed = async (more: object = {}) => {
    const { body } = await ask(more);
    return await ended(Number(body.id));
  };
  const use = (token: string) => writeFile(join(folder, 'token'), token);
  const sent = async () => (await hub.set()).asked.filter((line) => line.startsWith('PUT ')).length;

  it('is refused in the request where it could not be meant', async () => {
    // Take a refusal out of src/commands/exports/wanted.ts, and its request is a 201.
    const cases: [object, RegExp][] = [
      [{ repository: undefined }, /^repository is missing: format hub needs it, as ORG\/NAME/],
      [{ repository: 'far' }, /^repository is "far": it must be ORG\/NAME on the hub/],
      [{ revision: 'a..b' }, /^revision is "a\.\.b": it must be a branch, such as main\./],
      [{ revision: 'c'.repeat(40) }, /^revision is "c{40}": it must be a branch/],
      [
        { quantization: 'f16' },
        /^quantization is "f16": the format hub has none\. Leave it out, or take format gguf\./,
      ],
      [{ format: 'gguf' }, /^repository is "bob\/far": the format gguf has none\. .*format hub\./],
    ];
    for (const [more, sentence] of cases) {
      const { status, body } = await ask(more);
      assert.equal(status, 400, JSON.stringify([more, body]));
      assert.match(String(body.detail), sentence);
    }
    assert.equal((await service.call('GET', path)).body.total, 0);
  });

  it('says what to do without a token that may write, and goes on once there is one', async () => {
    // Take the question for a token out of push (trainer/outputs/push.py), and the hub answers 401.
    const none = await pushed();
    assert.equal(none.status, 'failed');
    assert.match(
      String(none.error_message),
      /^Nothing is pushed to http:.* without a token\. Make one that may write at .*\/settings\/tokens, set HF_TOKEN to it for the host agent, start the agent again, and ask for the export again\.$/,
    );
    await use(READ_TOKEN);
    const read = await pushed();
    assert.equal(read.id, none.id);
    assert.match(
      String(read.error_message),
      /^The token may not write to bob\/far on http:.* \(HTTP 403\)\. It says: Forbidden\. Take/,
    );
    await use('hf_of_nobody');
    assert.match(String((await pushed()).error_message), /does not know the token \(HTTP 401\)/);
    await use(PUSH_TOKEN);
  });

  it('goes on after an outage and a SIGKILL, sends no file twice, and is the published model with its card', async () => {
    // Let HubAway be a BadInput (trainer/base_models/hub.py), and it fails; send files with create_commit alone, and two are on their way at once.
    await hub.set({ fails: { 'POST /api/repos/create': 503 } });
    const id = Number((await ask()).body.id);
    const away = await until('why it waits', async () => (await shown(id)).waiting_for);
    assert.match(
      away,
      /fails for now \(HTTP 503\)\. The push goes on by itself; what has arrived is not sent again\.$/,
    );
    await hub.set({ fails: {}, most_objects: 1 });
    await until('the second file to be on its way', async () => ((await sent()) === 2 ? true : null));
    const exporter = (await processesOf(service.env.home)).find(({ command }) =>
      command.includes('trainer.export_model'),
    );
    assert.ok(exporter);
    // Not in the arguments, for everybody who looks at processes.
    assert.doesNotMatch(exporter.command, /hf_/);
    process.kill(exporter.pid, 'SIGKILL');
    await until('it to be noticed', async () => (await shown(id)).waiting_for);
    await hub.set({ most_objects: 9 });
    const done = await ended(id);
    assert.equal(done.status, 'completed', String(done.error_message));
    const { newest, cards, visibility, asked } = await hub.set();
    const objects = asked.filter((line) => line.startsWith('PUT '));
    // The second, which was cut off, may have come whole all the same.
    assert.equal(objects.filter((line) => line === objects[0]).length, 1, objects.join());
    assert.equal(visibility[NAME], 'private');
    const { '.gitattributes': _, 'README.md': card, 'manifest.json': manifest, ...files } = newest[NAME] ?? {};
    const { 'README.md': ours, 'manifest.json': manifestHere, ...published_ } = published;
    // Push all that lies in the folder (trainer/exports/hub.py), and the report with its held-out rows is among them.
    assert.deepEqual(
      files,
      Object.fromEntries(Object.entries(published_).filter(([name]) => !name.startsWith('report/'))),
    );
    assert.notEqual(manifest, manifestHere);
    const text = String(cards[NAME]);
    assert.equal(createHash('sha256').update(text).digest('hex'), card);
    assert.notEqual(card, ours);
    assert.match(text, /^---\nbase_model: \S+\/\S+\nlibrary_name: transformers\n/);
    assert.doesNotMatch(text, /^datasets:/m);
    assert.match(text, /^folder = "bob\/far"$/m);
    assert.match(
      String(done.verification_summary),
      /^http:.*\/bob\/far has the model, by the hashes of its files, as commit 0{12}\. \d+ files of it were sent\.$/,
    );
  });

  it('is looked at again when it is asked for again, and sends what others changed', async () => {
    // Leave 'completed' out of requestExport (src/models/exports/export-transitions.ts), and nothing is looked at.
    const before = await sent();
    const again = await pushed();
    assert.deepEqual([again.status, again.pushed?.sent, again.pushed?.removed], ['completed', [], []]);
    assert.match(String(again.verification_summary), /It had all of it already\.$/);
    assert.equal(await sent(), before);
    // Another branch has the files of main, so nothing of it is sent either.
    const other = await pushed({ revision: 'v2' });
    assert.notEqual(other.id, again.id);
    assert.equal(other.pushed?.url, `${hub.url}/${NAME}/tree/v2`);
    // Only the card says other things there: it names no branch.
    assert.deepEqual(other.pushed?.sent, ['README.md', 'manifest.json']);
    const file = await service.call('GET', `${path}/${other.id}/files/README.md`);
    assert.match(String(file.body.detail), /has no files here: it was pushed to http/);
    assert.equal((await service.call('DELETE', `${path}/${other.id}`)).status, 204);
    assert.ok((await hub.set()).newest[`${NAME}@v2`]);
  });

  it('can be had in 4 bits as well, which transformers has loaded', async () => {
    // Set needsPackages of merged_4bit (src/models/exports/export.ts), and it waits for packages that it does not need; leave it out of FORMATS
    // (trainer/exports/formats.py), and there is no program for it.
    const { status, body } = await service.call('POST', path, { format: 'merged_4bit' });
    assert.equal(status, 201, JSON.stringify(body));
    const done = await ended(Number(body.id));
    assert.equal(done.status, 'completed', String(done.error_message));
    assert.match(String(done.verification_summary), /^transformers loads the model\. It answers \d+ of \d+ held-out/);
    const config = await service.call('GET', `${path}/${done.id}/files/config.json`);
    assert.equal((config.body.quantization_config as { bnb_4bit_quant_type: string }).bnb_4bit_quant_type, 'nf4');
  });

  it('is not another model that lies in its place', async () => {
    // Take require_published out of make (trainer/exports/hub.py), and it is pushed.
    const card = join(output, 'README.md');
    await rename(card, `${card}.old`);
    const refused = await pushed({ repository: 'bob/other' });
    await rename(`${card}.old`, card);
    assert.match(
      String(refused.error_message),
      /^The model in '.*' is not as the run published it: README\.md is missing\. Put it back/,
    );
  });

  it('leaves no token in a file of the service', async () => {
    // Log the environment in startExporter (src/trainer/model-export.ts), and it is there.
    const names = await readdir(service.env.home, { recursive: true, withFileTypes: true });
    const logs = names.filter((each) => each.isFile() && /\.(log|json)$/.test(each.name));
    assert.ok(logs.length > 3);
    for (const each of logs)
      assert.doesNotMatch(await readFile(join(each.parentPath, each.name), 'utf8'), /hf_(writes|reads|of_nobody)/);
  });
});
