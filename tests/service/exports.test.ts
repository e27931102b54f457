import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exportsOf } from '../support/exports.ts';
import { settledPool } from '../support/hosts.ts';
import { jobsOf } from '../support/jobs.ts';
import { processesOf } from '../support/processes.ts';
import { csvRows } from '../support/rows.ts';
import { startTestService, type TestService, until } from '../support/service.ts';
import { onSmallDisk } from '../support/small-disk.ts';

describe('exports of a trained model', function () {
  this.timeout(360_000);
  let service: TestService;
  let remove: () => Promise<void>;
  let path: string;

  before(async () => {
    ({ service, remove } = await startTestService());
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
    await settledPool(service, 1);
    const { body: dataset } = await service.upload('rows.csv', csvRows(40));
    const jobs = jobsOf(service, Number(dataset.id));
    const id = await jobs.create({ training_type: 'standard', epochs: 1 });
    path = `/jobs/${id}/exports`;
    const early = await service.call('POST', path, { quantization: 'f16' });
    assert.equal(early.status, 400, JSON.stringify(early.body));
    assert.match(String(early.body.detail), /^Run 1 is \w+ and has no model; export it once it has completed\.$/);
    const done = await jobs.ended(id);
    assert.equal(done.status, 'completed', String(done.error_message));
  });
  after(() => remove?.());

  const ask = async (quantization: string) => await service.call('POST', path, { format: 'gguf', quantization });
  const ended = (id: number) => exportsOf(service, path).ended(id);
  const exporter = async () =>
    (await processesOf(service.env.home)).find(({ command }) => command.includes('trainer.export_model'));

  it('are made once, proven by llama.cpp, and downloaded by name and in ranges', async () => {
    // Leave exports_wanted out of 0027-pushed-exports.ts, and there are two.
    const both = await Promise.all([ask('q8_0'), ask('q8_0')]);
    assert.deepEqual(both.map(({ status }) => status).sort(), [200, 201], JSON.stringify(both));
    const id = Number(both[0].body.id);
    assert.equal(both[1].body.id, id);
    const done = await ended(id);
    assert.equal(done.status, 'completed', String(done.error_message));
    assert.ok((done.verification?.answers.asked ?? 0) > 0);
    assert.match(String(done.verification_summary), /^llama\.cpp loads the file\. It answers \d+ of \d+ held-out/);
    const [file] = done.files;
    assert.match(String(file?.path), /^job-\d+-run-1-q8_0\.gguf$/);
    const url = `${service.apiUrl}/api/v1${path}/${id}/files/${file?.path}`;
    const whole = Buffer.from(await (await fetch(url)).arrayBuffer());
    assert.equal(whole.subarray(0, 4).toString(), 'GGUF');
    assert.equal(createHash('sha256').update(whole).digest('hex'), file?.sha256);
    const part = await fetch(url, { headers: { Range: 'bytes=4-7' } });
    assert.equal(part.status, 206);
    assert.deepEqual(Buffer.from(await part.arrayBuffer()), whole.subarray(4, 8));
    const { body: list } = await service.call('GET', path);
    assert.equal(list.total, 1);
    assert.equal((await service.call('GET', `${path}/${id}/files/run.json`)).status, 400);
  });

  it('go on after a SIGKILL of what makes them, and leave nothing but their files', async () => {
    // Let refusedOrTriedAgain (src/activities/exports/make-export.ts) fail for every kind, and it does not go on.
    const id = Number((await ask('f16')).body.id);
    const { pid } = await until('an exporter', async () => (await exporter()) ?? null);
    process.kill(pid, 'SIGKILL');
    const waiting = await until('why it waits', async () => {
      const { body } = await service.call('GET', `${path}/${id}`);
      return body.waiting_for ?? (body.status === 'completed' ? 'done' : null);
    });
    assert.match(String(waiting), /^The program that exports the model was ended by SIGKILL without a word; .*\.log/);
    const done = await ended(id);
    assert.equal(done.status, 'completed', String(done.error_message));
    const exports = join(service.env.home, 'runs', '1', 'exports');
    assert.ok((await readdir(exports)).every((name) => !name.endsWith('.partial')));
    assert.deepEqual(await readdir(join(exports, String(id))), ['Modelfile', done.files[0]?.path]);
  });

  it('wait for room on a full disk, and say how much they need', async () => {
    // Take require_room out of make (trainer/exports/gguf_file.py), and what waits is not said in bytes.
    const folder = join(service.env.home, 'runs', '1', 'exports');
    await mkdir(folder, { recursive: true });
    await onSmallDisk(folder, '64k', async (disk) => {
      const id = Number((await ask('q6_k')).body.id);
      const waiting = await until('why it waits', async () => {
        const { body } = await service.call('GET', `${path}/${id}`);
        return (body.waiting_for ?? body.error_message) as string | null;
      });
      assert.match(
        waiting,
        /^This run needs about 0\.\d+ GB on the disk of .* \(the exported file\), and 0\.00 GB are free\. Make room/,
      );
      await disk.resize('100m');
      const done = await ended(id);
      assert.equal(done.status, 'completed', String(done.error_message));
      assert.equal((await service.call('DELETE', `${path}/${id}`)).status, 204);
    });
  });

  it('end when they are deleted', async () => {
    // Let removeExport (src/runs/run-folder.ts) do nothing, and the folder stays.
    const id = Number((await ask('q4_k_m')).body.id);
    await until('an exporter', async () => (await exporter()) ?? null);
    assert.equal((await service.call('DELETE', `${path}/${id}`)).status, 204);
    await until('its end', async () => ((await exporter()) ? null : true));
    const exports = join(service.env.home, 'runs', '1', 'exports');
    await until('its folder to be gone', async () =>
      (await readdir(exports)).some((name) => name.startsWith(`${id}`)) ? null : true,
    );
    assert.equal((await service.call('GET', `${path}/${id}`)).status, 404);
    const again = await ask('q4_k_m');
    assert.equal(again.status, 201);
    assert.notEqual(again.body.id, id);
    assert.equal((await service.call('DELETE', `${path}/${again.body.id}`)).status, 204);
  });

  it('of what there is no such file of are refused by the request', async () => {
    // Take either refusal out of requireExportable (src/commands/exports/exports.ts), and it is a 201.
    const adapter = await service.call('POST', path, { format: 'gguf_adapter' });
    assert.equal(adapter.status, 400);
    assert.match(
      String(adapter.body.detail),
      /^Run 1 is of the type standard and trained all weights: there is no adapter\./,
    );
    const names = await readdir(service.env.modelCache, { recursive: true });
    const file = join(service.env.modelCache, names.find((name) => name.endsWith('/config.json')) ?? '');
    const config = await readFile(file, 'utf8');
    await writeFile(file, JSON.stringify({ ...JSON.parse(config), architectures: ['DogeForCausalLM'] }));
    const { status, body } = await ask('q5_k_m');
    await writeFile(file, config);
    assert.equal(status, 400, JSON.stringify(body));
    assert.match(
      String(body.detail),
      /^The model's architecture is DogeForCausalLM, which llama\.cpp's converter does not know/,
    );
  });

  it('of a Hugging Face format that is not there are refused with those that are', async () => {
    // Make format a string in ExportCreate (src/api/runs/export-schema.ts), and it is taken.
    const { status, body } = await service.call('POST', path, { format: 'awq' });
    assert.equal(status, 422);
    assert.match(
      String(body.detail),
      /^format is "awq": no library that makes and loads it runs beside .* Take gguf, or merged_4bit\.$/,
    );
    const { body: unknown } = await service.call('POST', path, { format: 'onnx' });
    assert.match(String(unknown.detail), /^format is "onnx": must be .*"gguf_adapter"/);
  });
});
