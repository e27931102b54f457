import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { exportsOf } from '../support/exports.ts';
import { jobsOf } from '../support/jobs.ts';
import { processesOf } from '../support/processes.ts';
import { csvRows } from '../support/rows.ts';
import { clientOf, until } from '../support/service.ts';
import { killableService, killEverything, withTinyModel } from '../support/started-service.ts';

describe('SIGKILL while a model is exported', function () {
  this.timeout(360_000);
  const killable = killableService(withTinyModel);
  const start = async () => {
    const apiUrl = await killable.start();
    return { apiUrl, ...clientOf(apiUrl) };
  };
  const find = async (what: RegExp) => (await processesOf(killable.env.home)).find(({ command }) => what.test(command));
  const exporter = () => find(/trainer\.export_model/);
  const killed = async (what: RegExp) => {
    const { pid } = (await find(what)) ?? assert.fail(String(what));
    process.kill(pid, 'SIGKILL');
    return await until(`another ${what}`, async () => {
      const other = await find(what);
      return other && other.pid !== pid ? other.pid : null;
    });
  };

  it('of the orchestrator, of the API and of everything: it goes on and gives the same files', async () => {
    // Let Stages.made (trainer/exports/stages.py) take what is torn for whole, and it fails; let the export dispatcher start nothing
    // that has been started once, and it never ends.
    let service = await start();
    await until('a host', async () => {
      const { status } = await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
      return status < 300 ? true : null;
    });
    const { body: dataset } = await service.upload('rows.csv', csvRows(20));
    const jobs = jobsOf(service, Number(dataset.id));
    const job = await jobs.create({ training_type: 'standard', epochs: 1 });
    assert.equal((await jobs.ended(job)).status, 'completed');
    const path = `/jobs/${job}/exports`;
    const shown = (id: number) => exportsOf(service, path).get(id);
    const ended = (id: number) => exportsOf(service, path).ended(id);
    const ask = async () => Number((await service.call('POST', path, { quantization: 'q8_0' })).body.id);

    const undisturbed = await ended(await ask());
    assert.equal(undisturbed.status, 'completed', String(undisturbed.error_message));
    assert.equal((await service.call('DELETE', `${path}/${undisturbed.id}`)).status, 204);

    const id = await ask();
    const work = join(killable.env.home, 'runs', '1', 'exports', `${id}.partial`);
    const { pid } = await until('an exporter with a finished stage', async () => {
      const names: string[] = await readdir(work).catch(() => []);
      return names.includes('f16.gguf') ? ((await exporter()) ?? null) : null;
    });
    process.kill(pid, 'SIGSTOP');
    await killed(/main\.js orchestrator\s*$/);
    assert.equal((await exporter())?.pid, pid);
    await killed(/main\.js api\s*$/);
    await until('the API to answer', async () => (await shown(id).catch(() => null))?.status ?? null);
    assert.equal((await exporter())?.pid, pid);
    assert.equal((await shown(id)).status, 'running');
    await killEverything(killable.env);

    service = await start();
    const done = await ended(id);
    assert.equal(done.status, 'completed', String(done.error_message));
    assert.deepEqual(done.files, undisturbed.files);
    assert.deepEqual(await readdir(join(killable.env.home, 'runs', '1', 'exports')), [String(id)]);
  });
});
