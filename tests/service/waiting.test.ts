import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Jobs, jobsOf } from '../support/jobs.ts';
import { csvRows } from '../support/rows.ts';
import { startTestService, type TestService, testEnv, until } from '../support/service.ts';

const RUNS = 10;

describe('a run that waits', function () {
  this.timeout(240_000);
  let service: TestService;
  let remove: () => Promise<void>;
  let jobs: Jobs;

  before(async () => {
    ({ service, remove } = await startTestService());
    jobs = jobsOf(service, Number((await service.upload('rows.csv', csvRows(60))).body.id));
  });
  after(() => remove?.());

  it('begins in the order in which it was asked for, and shows its place', async () => {
    // With Temporal's queue alone, which has several partitions, the first of 14 waited behind seven later ones.
    const ids: number[] = [];
    for (let i = 0; i < RUNS; i++) ids.push(await jobs.create({ max_steps: 2 }));
    const places = async () => await Promise.all(ids.map(async (id) => (await jobs.get(id)).queue_place));
    assert.deepEqual(
      await places(),
      ids.map((_, i) => i + 1),
    );
    const listed = (await service.call('GET', '/jobs/?page_size=100&sort=id')).body.items as { queue_place: number }[];
    assert.deepEqual(
      listed.map(({ queue_place }) => queue_place),
      ids.map((_, i) => i + 1),
    );
    assert.equal((await service.call('GET', '/workers/')).body.jobs_in_queue, RUNS);
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
    const begun: string[] = [];
    for (const id of ids) {
      const { status, error_message, started_at, queue_place } = await jobs.ended(id);
      assert.deepEqual([status, queue_place], ['completed', null], String(error_message));
      begun.push(String(started_at));
    }
    assert.deepEqual(begun, begun.toSorted());
  });

  it('begins when it is to by now, also where it is prepared and has its turn', async () => {
    // Let claimLease (src/models/runs/lease.ts) look neither at `barred` nor at `recalled_at`, and the first begins first. Let
    // trainingWorkflow take `line` for the end of the training, and it never completes.
    await service.call('POST', '/workers/', { action: 'stop' });
    const ids: number[] = [];
    for (let i = 0; i < 3; i++) ids.push(await jobs.create({ max_steps: 2 }));
    const [first = 0, second = 0, urgent = 0] = ids;
    for (const id of [first, second]) await jobs.reached('its turn', id, ({ status }) => status === 'queued');
    const change = (id: number, asked: object) => service.call('POST', `/jobs/${id}/queue`, asked);
    assert.equal((await change(first, { not_before: '2999-01-01T00:00:00Z' })).status, 200);
    assert.equal((await change(urgent, { priority: 'high' })).body.queue_place, 1);
    await jobs.reached('its turn', urgent, ({ status }) => status === 'queued');
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
    const begun: string[] = [];
    for (const id of [urgent, second]) begun.push(String((await jobs.ended(id)).started_at));
    assert.deepEqual(begun, begun.toSorted());
    const waiting = await jobs.get(first);
    assert.equal(waiting.waits_because, 'It does not begin before 2999-01-01T00:00:00.000Z.');
    assert.equal((await change(first, { not_before: null })).status, 200);
    assert.equal((await jobs.ended(first)).status, 'completed');
  });

  it('is paused in the line, and cancelled in the line, and has done nothing', async () => {
    await service.call('POST', '/workers/', { action: 'stop' });
    const ids: number[] = [];
    for (let i = 0; i < 5; i++) ids.push(await jobs.create({ max_steps: 2 }));
    const [, , , paused = 0, cancelled = 0] = ids;
    assert.equal((await jobs.act(paused, 'pause')).body.phase, 'paused');
    assert.equal((await jobs.get(paused)).queue_place, null);
    assert.equal((await jobs.get(cancelled)).queue_place, 4);
    assert.equal((await jobs.act(cancelled, 'cancel')).body.status, 'cancelled');
    assert.match(await jobs.eventsOf(cancelled), /event: end\n/);
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
    for (const id of ids.slice(0, 3)) assert.equal((await jobs.ended(id)).status, 'completed');
    assert.deepEqual([(await jobs.get(paused)).status, (await jobs.get(paused)).phase], ['pending', 'paused']);
    assert.equal((await jobs.act(paused, 'resume')).status, 200);
    assert.equal((await jobs.ended(paused)).status, 'completed');
  });

  it('is published where `latest` is a folder of somebody, with a warning', async () => {
    const id = await jobs.create({ max_steps: 2 });
    await mkdir(join(service.env.home, 'outputs', `job-${id}`, 'latest', 'of somebody'), { recursive: true });
    const done = await jobs.ended(id);
    assert.equal(done.status, 'completed', String(done.error_message));
    assert.match(await jobs.eventsOf(id), /event: warning\ndata: {.*the link .*latest could not be set/);
  });
});

describe('a run that cannot go on since something is not as it must be', function () {
  this.timeout(120_000);
  let service: TestService;
  let remove: () => Promise<void>;

  before(async () => {
    const env = await testEnv();
    const python = join(env.home, 'python');
    await writeFile(python, '#!/bin/sh\necho "it lacks torch" >&2\nexit 1\n', { mode: 0o755 });
    ({ service, remove } = await startTestService({ ...env, python, giveUpAfterMs: 3_000 }));
  });
  after(() => remove?.());

  it('says why, once, ever more seldom, and is given up with a sentence', async () => {
    // Before, it went from running to queued every three seconds, for ever, and the reason was in Temporal alone.
    const jobs = jobsOf(service, Number((await service.upload('rows.csv', csvRows(60))).body.id));
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
    const id = await jobs.create({ max_steps: 2 });
    const waiting = await until('the run to say why it waits', async () => {
      const { waiting_for } = await jobs.get(id);
      return waiting_for ? String(waiting_for) : null;
    });
    assert.match(waiting, /^MTM_PYTHON .* cannot run the trainer: it lacks torch/);
    const failed = await jobs.ended(id);
    assert.equal(failed.status, 'failed');
    assert.match(String(failed.error_message), /^MTM_PYTHON .*cannot run the trainer.*It was tried 4 times in/);
    const told = [...(await jobs.eventsOf(id)).matchAll(/event: waiting\ndata: (.*)/g)].map(([, data]) =>
      JSON.parse(String(data)),
    );
    assert.deepEqual(
      told.map(({ attempts }) => attempts),
      [4],
    );
  });
});
