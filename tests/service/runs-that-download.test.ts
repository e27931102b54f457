import assert from 'node:assert/strict';
import { Hub } from '../support/hub.ts';
import { type Jobs, jobsOf } from '../support/jobs.ts';
import { downloadsOf, tinyModelFiles } from '../support/model-downloads.ts';
import { processesOf } from '../support/processes.ts';
import { csvRows } from '../support/rows.ts';
import { type OutsideServers, startOutsideServers } from '../support/servers.ts';
import { startServiceWithServers, type TestService, until } from '../support/service.ts';

const SHORT = { epochs: 1, max_steps: 2 };
/** Of the weights, so that the download is under way until a test lets it go on. */
const SOME_BYTES = 100_000;

describe('runs that fetch their base model', function () {
  this.timeout(480_000);
  let servers: OutsideServers;
  let hub: Hub;
  let service: TestService;
  let remove: () => Promise<void>;
  let jobs: Jobs;
  let downloads: ReturnType<typeof downloadsOf>;
  let files: Record<string, Buffer>;
  /** Two that wait for one model. */
  let both: number[];

  before(async () => {
    servers = await startOutsideServers();
    hub = await Hub.start();
    const { databaseUrl, temporalAddress } = servers;
    ({ service, remove } = await startServiceWithServers({ databaseUrl, temporalAddress, hubEndpoint: hub.url }));
    files = await tinyModelFiles(service.env);
    jobs = jobsOf(service, Number((await service.upload('rows.csv', csvRows(24))).body.id));
    downloads = downloadsOf(service);
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
  });
  after(async () => {
    await remove?.();
    await hub?.stop();
    await servers?.remove();
  });
  afterEach(() => {
    hub.refusal = null;
  });

  const create = (model_name: string) => jobs.create({ ...SHORT, model_name, download: true });
  const waits = (id: number, says: RegExp) =>
    jobs.reached(
      `waiting: ${says}`,
      id,
      ({ phase, waiting_for }) => phase === 'downloading_model' && says.test(String(waiting_for)),
    );
  const downloadsOfModel = async (name: string) => {
    const { items } = (await service.call('GET', '/model-downloads/?page_size=100')).body as {
      items: { id: number; name: string; revision: string; status: string }[];
    };
    return items.filter((download) => download.name === name);
  };
  const onlyDownloadOf = async (name: string) => {
    const [download, ...others] = await downloadsOfModel(name);
    assert.ok(download && others.length === 0, JSON.stringify([download, ...others]));
    return download;
  };
  const latestRunOf = async (id: number) => {
    const { items } = (await service.call('GET', `/jobs/${id}/runs`)).body as {
      items: { error_class: string | null; spec: { download?: boolean } }[];
    };
    return items[0];
  };
  const completed = async (id: number) => {
    const { status, error_message } = await jobs.ended(id);
    assert.equal(status, 'completed', String(error_message));
  };

  it('wait in a phase of their own, two for one download, and keep nobody else waiting', async () => {
    hub.add('org/shared', files);
    hub.sendUpTo(SOME_BYTES);
    // Let noteWait (src/models/runs/run-trouble.ts) write nothing, and they do not say what they wait for.
    both = [await create('org/shared'), await create('org/shared')];
    for (const id of both) {
      const { status } = await waits(
        id,
        /^Download \d+ of org\/shared is running, with 0\.1 MB of \d+\.\d MB there\.$/,
      );
      assert.equal(status, 'pending');
    }
    await completed(await jobs.create(SHORT));
    for (const id of both) assert.equal((await jobs.get(id)).phase, 'downloading_model');
    await onlyDownloadOf('org/shared');
  });

  it('go on waiting after SIGKILL of the orchestrator and of Temporal, and train once it is there', async () => {
    const [first = 0] = both;
    const beganToWait = async () => (await events(first)).match(/"phase": ?"downloading_model"/g)?.length;
    assert.equal(await beganToWait(), 1);
    const orchestrator = (await processesOf(service.env.home)).find(({ command }) => /orchestrator\s*$/.test(command));
    assert.ok(orchestrator);
    await servers.temporal.kill();
    process.kill(orchestrator.pid, 'SIGKILL');
    await servers.temporal.start();
    // Take heartbeatTimeout out of `line` (src/workflows/runs/activities.ts), and nobody waits for it any more.
    await until('another one to wait', async () => ((await beganToWait()) === 2 ? true : null));
    hub.sendUpTo(Number.POSITIVE_INFINITY);
    for (const id of both) await completed(id);
    assert.equal((await onlyDownloadOf('org/shared')).status, 'completed');
    assert.equal((await jobs.get(first)).waiting_for, null);
  });

  /** Of a run, until now: its stream is open for as long as it is. */
  async function events(id: number): Promise<string> {
    const left = new AbortController();
    const { body } = await fetch(`${service.apiUrl}/api/v1/jobs/${id}/events`, { signal: left.signal });
    let text = '';
    setTimeout(() => left.abort(), 1_000);
    try {
      for await (const part of body ?? []) text += Buffer.from(part).toString();
    } catch (error) {
      if (!left.signal.aborted) throw error;
    }
    return text;
  }

  it('can be paused, resumed and cancelled while they wait; the download is left alone', async () => {
    hub.add('org/held', files);
    hub.sendUpTo(SOME_BYTES);
    const id = await create('org/held');
    await waits(id, /is running, with/);
    const download = await onlyDownloadOf('org/held');
    // Let awaitDownload (src/activities/runs/await-download.ts) not look at pause_reason, and it is never paused.
    assert.equal((await jobs.act(id, 'pause')).status, 200);
    const paused = await jobs.paused(id);
    assert.deepEqual([paused.status, paused.waiting_for], ['pending', null]);
    await downloads.act(download.id, 'pause');
    assert.equal((await jobs.act(id, 'resume')).status, 200);
    await waits(id, new RegExp(`is paused, with .* there\\. \`mtm model resume ${download.id}\` lets it go on\\.$`));

    assert.equal((await jobs.act(id, 'cancel')).body.status, 'cancelled');
    await until('the run to be over', async () =>
      (await service.call('DELETE', `/jobs/${id}`)).status === 204 ? true : null,
    );
    assert.equal((await downloads.get(download.id)).status, 'paused');
    await downloads.act(download.id, 'resume');
    hub.sendUpTo(Number.POSITIVE_INFINITY);
    await downloads.ended(download.id, 'completed');
  });

  it('fail with the sentence of a download that fails, at their revision, and go on when they are started again', async () => {
    const { commit } = hub.add('org/later', files);
    hub.sendUpTo(Number.POSITIVE_INFINITY);
    hub.refusal = { status: 404, code: 'RepoNotFound' };
    const id = await create(`org/later@${commit}`);
    const { status, error_message } = await jobs.ended(id);
    assert.equal(status, 'failed');
    assert.match(
      String(error_message),
      /^Download \d+ of org\/later failed\. There is no model org\/later on .* Then start the run again: it goes on with what was fetched\.$/,
    );
    assert.equal((await latestRunOf(id))?.error_class, 'ModelUnavailable');
    hub.refusal = null;
    // Let startAgain (src/commands/runs/actions.ts) take `download` of its request alone, and the run is refused its model.
    assert.equal((await jobs.act(id, 'start')).status, 200);
    await completed(id);
    const download = await onlyDownloadOf('org/later');
    assert.deepEqual([download.revision, download.status], [commit, 'completed']);
    assert.equal((await latestRunOf(id))?.spec.download, true);
  });

  it('fail where their download is cancelled', async () => {
    hub.add('org/cancelled', files);
    hub.sendUpTo(SOME_BYTES);
    const id = await create('org/cancelled');
    await waits(id, /is running/);
    await downloads.act((await onlyDownloadOf('org/cancelled')).id, 'cancel');
    hub.sendUpTo(Number.POSITIVE_INFINITY);
    const { status, error_message } = await jobs.ended(id);
    assert.equal(status, 'failed');
    // Take the status `cancelled` out of waitOf (src/activities/runs/await-download.ts), and it waits for ever.
    assert.match(String(error_message), /^Download \d+ of org\/cancelled was cancelled\. Start the run again/);
  });
});
