import assert from 'node:assert/strict';
import { readdir, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { type Jobs, jobsOf } from '../support/jobs.ts';
import { processesOf } from '../support/processes.ts';
import { startTestService, type TestService, until } from '../support/service.ts';

/** Enough that a conversion and a mixture last long enough to be killed. */
const MANY_ROWS = 400_000;
const rowsOf = (count: number) =>
  new TextEncoder().encode(
    `input,output\n${Array.from({ length: count }, (_, i) => `question ${i} of many,"answer ${i * 7919}, which is ${i % 97}"\n`).join('')}`,
  );

describe('SIGKILL while data is worked on', function () {
  this.timeout(360_000);
  let service: TestService;
  let remove: () => Promise<void>;
  let jobs: Jobs;
  let datasetId: number;
  const content = rowsOf(MANY_ROWS);

  before(async () => {
    ({ service, remove } = await startTestService());
  });
  after(() => remove?.());

  async function kill(what: string, is: (command: string) => boolean): Promise<number> {
    const { pid } = await until(what, async () =>
      (await processesOf(service.env.home)).find(({ command }) => is(command)),
    );
    process.kill(pid, 'SIGKILL');
    return pid;
  }
  const killApi = () => kill('the API', (command) => command.trim().endsWith(' api'));
  const isDataProcess = (command: string) => command.includes('data-process-main');

  /** All names under the folders of uploads and datasets, once no data process is left and the API answers again. */
  async function whatIsLeft(): Promise<string[]> {
    await until('the data process to end with its parent', async () =>
      (await processesOf(service.env.home)).some(({ command }) => isDataProcess(command)) ? null : true,
    );
    await until('the API to answer', () => service.call('GET', '/health').catch(() => null));
    // It asks the database first, and answers meanwhile.
    await until('the new API to look after what the old one had noted', async () =>
      (await readdir(join(service.env.home, 'uploads', 'unfinished'))).length === 0 ? true : null,
    );
    const folders = ['uploads', 'uploads/incoming', 'uploads/unfinished', 'datasets'];
    const found = await Promise.all(folders.map((folder) => readdir(join(service.env.home, folder))));
    return found.flat().filter((name) => !['incoming', 'unfinished'].includes(name));
  }

  const converting = () =>
    until('the conversion to begin', async () => {
      const { items } = (await service.call('GET', '/datasets/uploads')).body as { items: { phase: string }[] };
      return items.some(({ phase }) => phase === 'converting') ? true : null;
    });

  it('of the API, in the middle of an upload: nothing of it is left', async () => {
    const asked = request(`${service.apiUrl}/api/v1/datasets/`, {
      method: 'POST',
      headers: { 'Content-Type': 'multipart/form-data; boundary=b', 'Transfer-Encoding': 'chunked' },
    });
    asked.on('error', () => {});
    asked.write('--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n');
    asked.write(content.subarray(0, 5_000_000));
    await until('a part to arrive', async () => {
      const { items } = (await service.call('GET', '/datasets/uploads')).body as {
        items: { received_bytes: number }[];
      };
      return (items[0]?.received_bytes ?? 0) > 1_000_000 ? true : null;
    });
    await killApi();
    assert.deepEqual(await whatIsLeft(), []);
    assert.equal((await service.call('GET', '/datasets/')).body.total, 0);
  });

  it('of the API, in the middle of a conversion: its process ends with it, and nothing is left', async () => {
    const upload = service.upload('many.csv', content).catch(() => null);
    await converting();
    await killApi();
    assert.equal(await upload, null);
    assert.deepEqual(await whatIsLeft(), []);
    assert.equal((await service.call('GET', '/datasets/')).body.total, 0);
  });

  it('of the conversion: the upload is answered with 503, and sent again gives the dataset', async () => {
    const upload = service.upload('many.csv', content);
    await kill('the conversion', isDataProcess);
    const { status, body } = await upload;
    assert.equal(status, 503, JSON.stringify(body));
    assert.match(String(body.detail), /ended by SIGKILL.*send the request again/);
    assert.deepEqual(await whatIsLeft(), []);

    const again = await service.upload('many.csv', content);
    assert.equal(again.status, 201);
    assert.equal(again.body.row_count, MANY_ROWS);
    datasetId = Number(again.body.id);
    jobs = jobsOf(service, datasetId);
    const download = await fetch(`${service.apiUrl}/api/v1/datasets/${datasetId}/download`);
    assert.deepEqual(new Uint8Array(await download.arrayBuffer()), content);
  });

  it('of a mixture in the making: the next attempt writes the same bytes', async () => {
    const mixtureOf = async (id: number) =>
      await until('the mixture', async () => {
        const { status, body } = await service.call('GET', `/jobs/${id}/mixture?rows=1`);
        return status === 200 ? (body.manifest as Record<string, unknown>) : null;
      });
    const reference = await mixtureOf(await jobs.create());
    // Equal mixtures are made once: it is to be made again.
    const store = join(service.env.home, 'mixtures');
    await rm(store, { recursive: true });
    const id = await jobs.create();
    const partial = async () => (await readdir(store).catch(() => [])).filter((name) => name.includes('.partial-'));
    await until('the mixture to be written', async () => ((await partial()).length > 0 ? true : null));
    await kill('the mixing', isDataProcess);
    assert.deepEqual(await mixtureOf(id), reference);
    assert.deepEqual(await partial(), []);
  });
});
