import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { Host } from '../../../src/models/pool/host.ts';
import { Worker } from '../../../src/models/pool/worker.ts';
import { connection, Run } from '../../../src/models/runs/run.ts';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { commandLineOf } from '../../support/command-line.ts';
import { buildDataset, startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { DocumentedAnswers } from '../../support/openapi.ts';
import { addWorkers } from '../../support/runs.ts';
import { TINY_MODEL } from '../../support/service.ts';
import { putTinyModel } from '../../support/tiny-models.ts';

interface Waiting {
  owner: { id: number };
  queue_place: number | null;
  priority: string;
  waits_because: string;
  expected_start_at: string | null;
}

describe('the queue', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let api: ApiOnly;
  let dataset_id: number;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database);
    dataset_id = (await buildDataset()).id;
  });
  beforeEach(async () => {
    await connection().query('DELETE FROM jobs; DELETE FROM projects');
  });
  after(async () => {
    await api?.close();
    await database?.remove();
  });

  async function create(more: object = {}): Promise<number> {
    const { status, body } = await api.call('POST', '/jobs/', { name: 'job', dataset_id, ...more });
    assert.equal(status, 201, JSON.stringify(body));
    return Number(body.id);
  }
  const change = (id: number, asked: object) => api.call('POST', `/jobs/${id}/queue`, asked);
  async function queue(): Promise<Waiting[]> {
    const { status, body } = await api.call('GET', '/queue/');
    assert.equal(status, 200, JSON.stringify(body));
    return body.items as Waiting[];
  }
  const jobs = async () => (await queue()).map(({ owner }) => owner.id);

  // Leave `queue` out of what createJob hands to addJob.
  it('has runs in the order in which they were asked to begin, and says why they wait', async () => {
    const normal = await create();
    const urgent = await create({ priority: 'high' });
    const night = await create({ not_before: '2999-01-01T22:00:00+01:00' });
    const second = await create({ after: { job_id: normal }, priority: 'low' });
    const held = await create();
    const paused = await api.call('POST', `/jobs/${held}/pause`);
    assert.equal(paused.status, 200);
    assert.deepEqual(await jobs(), [urgent, normal, night, held, second]);
    const shown = await queue();
    assert.deepEqual(
      shown.map(({ queue_place }) => queue_place),
      [1, 2, null, null, null],
    );
    assert.deepEqual(
      shown.map(({ waits_because }) => waits_because),
      [
        'It is the next that a worker takes. There is no worker: start one.',
        'It waits behind 1 other (1 of higher priority). There is no worker: start one.',
        'It does not begin before 2999-01-01T21:00:00.000Z.',
        'It is held. It was asked for. Resume it to go on.',
        `It begins after job ${normal}, which is pending.`,
      ],
    );
    const documented = new DocumentedAnswers((await api.call('GET', '/openapi.json')).body as never);
    documented.check('GET', '/queue/', 200, (await api.call('GET', '/queue/')).body, 'application/json');
    const moved = await change(second, { front: true });
    documented.check('POST', '/jobs/1/queue', moved.status, moved.body, 'application/json');
    const { body } = await api.call('GET', `/jobs/${second}`);
    assert.deepEqual([body.priority, body.after], ['low', { job_id: normal }]);
    assert.equal(body.waits_because, shown[4]?.waits_because);
    // What kept it is over: it is where it was.
    await api.call('POST', `/jobs/${held}/resume`);
    assert.deepEqual((await queue())[3]?.queue_place, 3);
  });

  it('changes when one begins, and refuses that of one that has begun', async () => {
    const [a, b, c] = [await create(), await create(), await create()];
    const moved = await change(c, { front: true });
    assert.deepEqual([moved.status, moved.body.queue_place], [200, 1], JSON.stringify(moved.body));
    assert.deepEqual(await jobs(), [c, a, b]);
    assert.equal((await change(b, { priority: 'high' })).body.queue_place, 1);
    assert.equal((await change(b, { not_before: '2999-01-01T00:00:00Z' })).body.queue_place, null);
    // Give PostgreSQL the time as it was asked for, and it is answered 500.
    const far = await change(b, { not_before: '2999-01-01T23:00:00.123456789+23:00' });
    assert.deepEqual([far.status, far.body.not_before], [200, '2999-01-01T00:00:00.123Z']);
    assert.equal((await change(b, { not_before: null, priority: 'normal' })).body.queue_place, 3);
    await Run.update({ status: 'running', phase: 'training', lease_epoch: 1 }, { where: { job_id: a } });
    const begun = await change(a, { priority: 'high' });
    assert.equal(begun.status, 400);
    assert.match(String(begun.body.detail), /is running and does not wait for its first worker/);
    // Take lease_epoch out of changeQueue (src/models/runs/queue-change.ts): one that lost its worker is moved.
    await Run.update({ status: 'queued', phase: 'waiting_for_worker' }, { where: { job_id: a } });
    assert.equal((await change(a, { priority: 'high' })).status, 400);
  });

  it('refuses what cannot be, naming it', async () => {
    const [a, b, c] = [await create(), await create(), await create()];
    for (const [asked, says] of [
      [{}, /must say what is to change/],
      [{ priority: 'urgent' }, /priority.*"high", "normal" or "low"/],
      [{ not_before: '2030-01-01T22:00:00' }, /not_before is .*must be a date like/],
      [{ not_before: 'tonight' }, /not_before is .*must be a date like/],
      [{ after: { job_id: 2_000_000_000 } }, /job 2000000000, which does not exist/],
      [{ after: { job_id: a } }, /both would wait for ever/],
    ] as const) {
      const { status, body } = await change(a, asked);
      assert.ok(status === 400 || status === 422, `${JSON.stringify(asked)}: ${status}`);
      assert.match(JSON.stringify(body).replaceAll('\\"', '"'), says);
    }
    assert.equal((await change(2_000_000_000, { front: true })).status, 404);
    // Let requireAfter (src/commands/runs/require-after.ts) look at the first step alone, and the circle of three closes.
    assert.equal((await change(b, { after: { job_id: a } })).status, 200);
    assert.equal((await change(c, { after: { job_id: b } })).status, 200);
    assert.match(
      String((await change(a, { after: { job_id: c } })).body.detail),
      /job \d+, which itself comes after job/,
    );
  });

  // Take the lock out of requireAfter: both are answered 200, and neither run ever begins.
  it('closes no circle where two changes come at the same time', async () => {
    for (let round = 0; round < 8; round++) {
      const [a, b] = [await create(), await create()];
      const answers = await Promise.all([change(a, { after: { job_id: b } }), change(b, { after: { job_id: a } })]);
      assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 400]);
    }
  });

  // Leave `queue` out of startAgain (src/commands/runs/actions.ts).
  it('is asked for again when a run is started again, which keeps its priority', async () => {
    const id = await create({ priority: 'high', not_before: '2999-01-01T00:00:00Z' });
    await api.call('POST', `/jobs/${id}/cancel`);
    const model = await api.call('POST', `/jobs/${id}/start`, {});
    assert.equal(model.status, 200, JSON.stringify(model.body));
    assert.deepEqual([model.body.priority, model.body.not_before], ['high', null]);
    await api.call('POST', `/jobs/${id}/cancel`);
    const later = await api.call('POST', `/jobs/${id}/start`, { priority: 'low', not_before: '2999-01-01T00:00:00Z' });
    assert.deepEqual([later.body.priority, later.body.not_before], ['low', '2999-01-01T00:00:00.000Z']);
    const circle = await api.call('POST', `/jobs/${id}/start`, { after: { job_id: id } });
    assert.equal(circle.status, 400);
  });

  // Leave askedUpon out of startProject (src/commands/projects/start-project.ts), and it begins as any other.
  it('is asked for of a project before that is started, and holds for its first run', async () => {
    const [first, other] = [await create(), await create()];
    await putTinyModel(api.env, 'tiny-random');
    const project = { name: 'p', base_model: TINY_MODEL, output_directory: `queue-${first}` };
    const traits = [{ trait_type: 'coding', datasets: [{ dataset_id, percentage: 100 }] }];
    const asked = { ...project, traits, priority: 'low', after: { job_id: first } };
    const none = await api.call('POST', '/projects/', { ...asked, after: { job_id: 2_000_000_000 } });
    assert.match(String(none.body.detail), /after is job 2000000000, which does not exist/);
    const { status, body } = await api.call('POST', '/projects/', asked);
    assert.equal(status, 201, JSON.stringify(body));
    assert.deepEqual([body.priority, body.not_before, body.after], ['low', null, { job_id: first }]);
    const path = `/projects/${body.id}`;
    for (const [change, says] of [
      [{ front: true, priority: 'high' }, /front is true, and project \d+ is in no line/],
      [{ after: { project_id: Number(body.id) } }, /both would wait for ever/],
      [{ not_before: 'tonight' }, /not_before is .*must be a date like/],
    ] as const)
      assert.match(JSON.stringify((await api.call('POST', `${path}/queue`, change)).body), says);
    const not_before = '2999-01-01T22:00:00+01:00';
    const changed = await api.call('POST', `${path}/queue`, { not_before, after: { job_id: other } });
    const shown = ({ priority, not_before, after }: Record<string, unknown>) => [priority, not_before, after];
    const wanted = ['low', '2999-01-01T21:00:00.000Z', { job_id: other }];
    assert.deepEqual([changed.status, ...shown(changed.body)], [200, ...wanted]);
    const { mtm } = commandLineOf(database.home, { MTM_SERVER: api.url });
    const said = await mtm('run', 'when', `project-${body.id}`, '--priority', 'high');
    assert.match(`${said.exitCode} ${said.stdout}`, /^0 project-\d+: .*not started/);
    const started = await api.call('POST', `${path}/start`, { after: null });
    assert.deepEqual([started.status, ...shown(started.body)], [200, 'high', wanted[1], null]);
    // The second begins as the first did not have to.
    await api.call('POST', `${path}/cancel`);
    assert.deepEqual(shown((await api.call('POST', `${path}/start`, {})).body), ['high', null, null]);
  });

  // Leave turn_of, or the turns, out of makeRunsOf (src/commands/sweeps/create-sweep.ts).
  it('has the runs of a sweep take turns with others, each when the sweep is asked to begin', async () => {
    const search = { method: 'grid', hyperparameters: { learning_rate: [0.0001, 0.0002, 0.0003] } };
    const job = { dataset_id, priority: 'high' };
    const { status, body } = await api.call('POST', '/sweeps/', { name: 'sweep', job, search });
    assert.equal(status, 201, JSON.stringify(body));
    const other = await create({ priority: 'high' });
    const swept = await Run.findAll({ where: { turn_of: `sweep-${body.id}` }, order: ['id'] });
    assert.equal(swept.length, 3);
    const [first, second, third] = swept.map(({ job_id }) => job_id ?? 0);
    assert.deepEqual(await jobs(), [first, other, second, third]);
  });

  // Leave toReversed out of changeEach (src/commands/sweeps/sweep-queue.ts), and they go to the front the last one first; leave
  // requireAfter out of changeQueueOfSweep, and one of its runs waits for itself; and the sweep that has ended is answered 200.
  it('moves those runs of a sweep that wait, all or none', async () => {
    const search = { method: 'grid', hyperparameters: { learning_rate: [0.0001, 0.0002, 0.0003] } };
    const made = await api.call('POST', '/sweeps/', { name: 'sweep', job: { dataset_id }, search });
    const id = Number(made.body.id);
    const [first = 0, second = 0, third = 0] = (made.body.runs as { job_id: number }[]).map(({ job_id }) => job_id);
    const other = await create({ priority: 'high' });
    await Run.update({ status: 'running', phase: 'training', lease_epoch: 1 }, { where: { job_id: second } });
    const move = (asked: object) => api.call('POST', `/sweeps/${id}/queue`, asked);
    const circle = await move({ priority: 'low', after: { job_id: third } });
    assert.match(`${circle.status} ${circle.body.detail}`, /^400 after is job \d+, which itself comes after job/);
    assert.deepEqual(await jobs(), [other, first, third]);
    const { mtm } = commandLineOf(database.home, { MTM_SERVER: api.url });
    const said = await mtm('sweep', 'when', String(id), '--priority', 'high', '--front');
    assert.match(`${said.exitCode} ${said.stdout}`, /^0 The runs of sweep \d+ that wait begin as asked/);
    assert.deepEqual(await jobs(), [first, third, other]);
    const later = await move({ not_before: '2999-01-01T00:00:00Z', after: { job_id: other } });
    const shown = (later.body.runs as Record<string, unknown>[]).map((run) => [
      run.priority,
      run.not_before,
      run.after,
    ]);
    const wanted = ['high', '2999-01-01T00:00:00.000Z', { job_id: other }];
    assert.deepEqual(shown, [wanted, ['normal', null, null], wanted]);
    assert.equal((await mtm('sweep', 'hold', String(id))).exitCode, 0);
    assert.equal((await api.call('GET', `/sweeps/${id}`)).body.status, 'paused');
    assert.equal((await mtm('sweep', 'release', String(id))).exitCode, 0);
    assert.equal((await api.call('POST', `/sweeps/${id}/cancel`)).status, 200);
    const ended = await move({ front: true });
    assert.match(`${ended.status} ${ended.body.detail}`, /^400 Sweep \d+ is cancelled and none of its runs waits/);
    assert.equal((await api.call('POST', '/sweeps/2000000000/queue', { front: true })).status, 404);
  });

  // Send the options of `mtm run when` under other names (src/cli/runs/queue.ts), and nothing changes.
  it('is seen and changed on the command line', async () => {
    const [a, b] = [await create(), await create()];
    const { mtm } = commandLineOf(database.home, { MTM_SERVER: api.url });
    const said = async (...args: string[]) => {
      const { exitCode, stdout, stderr } = await mtm('run', ...args);
      return `${exitCode} ${stdout}${stderr}`;
    };
    assert.match(await said('front', `job-${b}`), new RegExp(`^0 job-${b}: It is the next that a worker takes\\.`));
    const asked = ['--priority', 'low', '--not-before', '2999-01-01T00:00:00+01:00', '--after', `job-${a}`];
    assert.match(
      await said('when', `job-${b}`, ...asked),
      /It does not begin before 2998-12-31T23:00:00.000Z\. It begins after/,
    );
    assert.match(await said('hold', `job-${a}`), /It is held/);
    assert.match(await said('queue'), new RegExp(`– +job-${a}-run-1 +normal.*held[^]*– +job-${b}-run-1 +low`));
    assert.match(await said('release', `job-${a}`), /It is the next/);
    assert.match(
      await said('when', `job-${b}`, '--not-before', 'none', '--after', 'none'),
      /behind 1 other \(1 of higher/,
    );
    assert.match(await said('when', `job-${b}`), /^2 Say what is to change/);
    assert.match(await said('when', `job-${b}`, '--after', 'tonight'), /^2 .*Give job-1 or project-2/s);
  });

  // Let expectedStarts (src/commands/estimates/expected-starts.ts) take the place for the index.
  it('says when runs are expected to begin, by what others took', async () => {
    const done = await create();
    const [first, second] = [await create(), await create()];
    assert.deepEqual(
      (await queue()).map(({ expected_start_at }) => expected_start_at),
      [null, null, null],
    );
    await connection().query(
      `UPDATE runs SET status = 'completed', phase = 'finished', started_at = now() - interval '10 minutes', finished_at = now() WHERE job_id = $done`,
      { bind: { done } },
    );
    await addWorkers(1);
    const memory = { bytes: 1e9, available_bytes: 1e9, cpu: 'a CPU', cpu_has_bf16: false, gpus: [], disks: [] };
    await Host.create({
      name: hostname(),
      agent_pid: 1,
      devices: ['cpu'],
      memory,
      started_at: new Date(),
      heartbeat_at: new Date(),
    });
    const nowMs = Date.now();
    const starts = (await queue()).map(({ owner, expected_start_at }) => {
      return [owner.id, Math.round((Date.parse(expected_start_at ?? '') - nowMs) / 60_000)];
    });
    assert.deepEqual(starts, [
      [first, 0],
      [second, 10],
    ]);
    // Leave isDrained out of queue-time.ts, and they are expected to begin where nothing does.
    await Worker.update({ drain: 'finish' }, { where: {} });
    assert.deepEqual(
      (await queue()).map(({ expected_start_at }) => expected_start_at),
      [null, null],
    );
  });
});
