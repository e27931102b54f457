import assert from 'node:assert/strict';
import { Worker } from '../../../src/models/pool/worker.ts';
import { letIntoLine } from '../../../src/models/runs/bars.ts';
import { claimLease } from '../../../src/models/runs/lease.ts';
import { admitNext, placesInLine, releaseNext } from '../../../src/models/runs/line.ts';
import { priorityNumber } from '../../../src/models/runs/order.ts';
import { enqueue, setPauseReasonInLine } from '../../../src/models/runs/pause.ts';
import { changeQueue, type QueueChange } from '../../../src/models/runs/queue-change.ts';
import { connection, Run } from '../../../src/models/runs/run.ts';
import { transition } from '../../../src/models/runs/transition.ts';
import { waitsOf } from '../../../src/models/runs/waits.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { addWorkers, buildRuns } from '../../support/runs.ts';

describe('the order of the runs that wait', function () {
  this.timeout(60_000);
  let database: TestDatabase;

  before(async () => {
    database = await startTestDatabase();
  });
  after(() => database?.remove());
  beforeEach(async () => {
    await Run.destroy({ where: {} });
    await Worker.destroy({ where: {} });
  });

  const build = (count: number) => buildRuns(database, count);
  const change = (runId: number | undefined, asked: QueueChange) =>
    connection().transaction((transaction) => changeQueue(runId ?? 0, asked, transaction));
  /** All that are in the line, in their order. */
  async function order(): Promise<number[]> {
    const places = await placesInLine((await Run.findAll({ attributes: ['id'] })).map(({ id }) => id));
    return [...places].sort(([, a], [, b]) => a.place - b.place).map(([id]) => id);
  }
  /** Admits and prepares all of them. */
  async function prepare(ids: number[]): Promise<void> {
    await Run.update({ admitted_at: new Date() }, { where: { id: ids } });
    for (const runId of ids) assert.ok(await enqueue({ runId, from: ['pending'] }));
  }
  const release = (ids: number[], waitedMs = 0) => releaseNext(ids.map((runId) => ({ runId, waitedMs })));
  const released = async () =>
    (await Run.findAll({ order: ['id'] })).filter(({ released_at }) => released_at !== null).map(({ id }) => id);
  const claim = async (runId: number | undefined) =>
    (await claimLease(runId ?? 0, 'worker-1', 60_000, 'loading')).outcome;
  const because = async (id: number | undefined) => {
    const run = await Run.findByPk(id ?? 0, { rejectOnEmpty: true });
    return (await waitsOf([run])).get(run.id)?.because;
  };
  const end = async (runId: number | undefined, to: 'completed' | 'failed') => {
    await Run.update({ status: 'running', phase: 'training' }, { where: { id: runId ?? 0 } });
    const set = to === 'failed' ? { error_class: 'Test', error_message: 'over' } : {};
    await transition({ runId: runId ?? 0, to, phase: 'finished', set });
  };

  // Leave priority out of orderOf (src/models/runs/order.ts).
  it('goes by priority, and within one by age; a run may be moved to the front of its own', async () => {
    const [a, b, c, d] = await build(4);
    assert.ok(await change(c, { priority: 'high' }));
    assert.ok(await change(a, { priority: 'low' }));
    assert.deepEqual(await order(), [c, b, d, a]);
    assert.ok(await change(d, { front: true }));
    assert.deepEqual(await order(), [c, d, b, a]);
    // Take the front out of changeQueue (src/models/runs/queue-change.ts), and they stay where they are.
    assert.ok(await change(d, { front: true }));
    assert.ok(await change(b, { priority: 'high', front: true }));
    assert.deepEqual(await order(), [b, c, d, a]);
    assert.deepEqual((await placesInLine([d ?? 0])).get(d ?? 0), { place: 3, ofHigherPriority: 2 });
    await addWorkers(1);
    assert.equal(await because(d), 'It waits behind 2 others (2 of higher priority).');
    assert.equal(await because(b), 'It is the next that a worker takes.');
    await admitNext();
    const admitted = await Run.findAll({ order: ['id'] });
    assert.deepEqual(
      admitted.filter(({ admitted_at }) => admitted_at !== null).map(({ id }) => id),
      [b, c, d],
      'one for the worker, and two ahead',
    );
  });

  // Count all that are under way in admitNext (src/models/runs/line.ts), and the run of high priority waits for those that were admitted.
  it('lets a run of high priority begin beside those that were prepared before it, and first', async () => {
    const ids = await build(5);
    await addWorkers(1, 'busy');
    await admitNext();
    await prepare(ids.slice(0, 3));
    await release(ids.slice(0, 3));
    assert.deepEqual(await released(), ids.slice(0, 1));
    const [urgent = 0] = await build(1);
    await change(urgent, { priority: 'high' });
    await admitNext();
    await admitNext();
    const admitted = (await Run.findAll({ order: ['id'] })).filter(({ admitted_at }) => admitted_at !== null);
    assert.deepEqual(
      admitted.map(({ id }) => id),
      [...ids.slice(0, 3), urgent],
    );
    // Leave the taking back out of releaseNext, and the first keeps its turn.
    await prepare([urgent]);
    await release([...ids.slice(1, 3), urgent]);
    assert.deepEqual(await released(), [urgent]);
    // Leave the look at recalled_at out of claimLease (src/models/runs/lease.ts): the first is trained before it.
    assert.equal(await claim(ids[0]), 'not_its_turn');
    assert.equal(await claim(urgent), 'claimed');
    await release(ids.slice(0, 3));
    assert.deepEqual(await released(), ids.slice(0, 1));
    assert.equal(await claim(ids[0]), 'claimed');
  });

  it('gives a turn back to a run that still is in the queue of Temporal', async () => {
    // Leave recalled_at out of what may get a turn in releaseNext, and the first never has one until a worker refuses it.
    const [first = 0, second = 0] = await build(2);
    await addWorkers(1, 'busy');
    await prepare([first, second]);
    await release([first, second]);
    await change(second, { front: true });
    await release([second]);
    assert.deepEqual(await released(), [second]);
    await change(first, { front: true });
    await release([]);
    assert.deepEqual(await released(), [first]);
    assert.equal(await claim(first), 'claimed');
  });

  // Leave turn_of out of what is numbered (nextTurnOf in src/models/runs/order.ts), or turn out of orderOf.
  it('takes turns: fifty runs that share theirs keep no other waiting behind all of them', async () => {
    const many = await build(50);
    for (const [index, id] of many.entries())
      await Run.update({ turn_of: 'sweep-1', turn: 1 + index }, { where: { id } });
    const [other] = await build(1);
    const [next] = await build(1);
    assert.deepEqual((await order()).slice(0, 4), [many[0], other, next, many[1]]);
    await addWorkers(1, 'busy');
    await admitNext();
    const [late] = await build(1);
    assert.deepEqual((await order()).slice(0, 6), [many[0], other, next, many[1], late, many[2]]);
    // Of another priority they take turns as well.
    for (const id of many.slice(40)) await change(id, { priority: 'high' });
    const [urgent] = await build(1);
    await change(urgent, { priority: 'high' });
    assert.deepEqual((await order()).slice(0, 3), [many[40], urgent, many[41]]);
  });

  it('ends each round: whoever comes again and again keeps none waiting for ever', async () => {
    // Let nextTurn begin in the round that is under way (without + 1), and the second of the sweep waits behind all that come.
    const many = await build(5);
    for (const [index, id] of many.entries())
      await Run.update({ turn_of: 'sweep-1', turn: 1 + index }, { where: { id } });
    let begun = 0;
    for (let come = 0; come < 12; come++) {
      await build(1);
      const [first] = await order();
      await Run.update({ admitted_at: new Date() }, { where: { id: first } });
      await end(first, 'completed');
      if (many.includes(first ?? 0)) begun += 1;
    }
    assert.ok(begun >= 4, `${begun} of the five that share their turns have begun`);
  });

  it('keeps the place of a run that is held, and says that it is', async () => {
    const [a, b, c] = await build(3);
    assert.ok(await setPauseReasonInLine(b ?? 0, 'It was asked for. Resume it to go on.'));
    assert.deepEqual(await order(), [a, c]);
    assert.equal(await because(b), 'It is held. It was asked for. Resume it to go on.');
    await build(1);
    assert.ok(await setPauseReasonInLine(b ?? 0, null));
    assert.deepEqual((await order()).slice(0, 3), [a, b, c]);
  });

  // Leave letIntoLine out, or `NOT barred` out of IN_LINE.
  it('begins no run before its time', async () => {
    const [early, late] = await build(2);
    const at = new Date(Date.now() + 3_600_000);
    assert.ok(await change(early, { not_before: at.toISOString() }));
    await letIntoLine();
    await admitNext();
    assert.equal((await Run.findByPk(early ?? 0))?.admitted_at, null);
    assert.notEqual((await Run.findByPk(late ?? 0))?.admitted_at, null);
    assert.deepEqual(await order(), [late]);
    assert.equal(await because(early), `It does not begin before ${at.toISOString()}.`);
    await Run.update({ not_before: new Date(Date.now() - 1_000) }, { where: { id: early ?? 0 } });
    await letIntoLine();
    assert.deepEqual(await order(), [early, late]);
  });

  // Leave the look at barred out of claimLease: it is trained at once.
  it('takes the turn back of a run that is to begin later', async () => {
    const [first, second] = await build(2);
    await addWorkers(1, 'busy');
    await prepare([first ?? 0, second ?? 0]);
    await release([first ?? 0, second ?? 0]);
    assert.deepEqual(await released(), [first]);
    await change(first, { not_before: '2999-01-01T00:00:00+01:00' });
    await release([second ?? 0]);
    assert.equal(await claim(first), 'not_its_turn');
    assert.deepEqual(await released(), [second]);
    assert.equal(await claim(second), 'claimed');
    await release([first ?? 0]);
    assert.deepEqual(await released(), []);
    await change(first, { not_before: null });
    await release([first ?? 0]);
    assert.deepEqual(await released(), [first]);
    assert.equal(await claim(first), 'claimed');
    assert.equal(await change(first, { front: true }), false, 'it has begun');
  });

  // Let isBarred (src/models/runs/bars.ts) ask for any end in place of `completed`.
  it('begins a run after another is completed, and waits where that failed or is gone', async () => {
    const [first = 0, second] = await build(2);
    const job_id = (await Run.findByPk(first))?.job_id ?? 0;
    assert.ok(await change(second, { after: { job_id } }));
    await letIntoLine();
    assert.equal(await because(second), `It begins after job ${job_id}, which is pending.`);
    await end(first, 'failed');
    await letIntoLine();
    assert.deepEqual(await order(), []);
    assert.match(
      (await because(second)) ?? '',
      /which failed\. Start job \d+ again, or let this one wait for something/,
    );
    const [again = 0] = await build(1);
    await connection().query('UPDATE jobs SET latest_run_id = $again WHERE id = $job_id', { bind: { again, job_id } });
    await end(again, 'completed');
    await letIntoLine();
    assert.deepEqual(await order(), [second]);

    const [third] = await build(1);
    assert.ok(await change(third, { after: { job_id: 2_000_000_000 } }));
    await letIntoLine();
    assert.match((await because(third)) ?? '', /which was deleted\./);
  });

  it('loses no turn and begins none twice, whatever is changed while workers claim', async () => {
    // Take `least` out of changeQueue (src/models/runs/queue-change.ts), and the last that waits cannot be moved to the front.
    const ids = await build(12);
    await addWorkers(1, 'busy');
    await prepare(ids);
    const priorities = ['low', 'normal', 'high'] as const;
    const changes: QueueChange[] = [
      { front: true },
      { not_before: '2999-01-01T00:00:00Z' },
      { not_before: null },
      ...priorities.map((priority) => ({ priority })),
    ];
    const claimed: number[] = [];
    let left = ids;
    for (let round = 0; left.length > 0; round++) {
      assert.ok(round < 200, `${left} never had their turn`);
      // Each is in the end one that may begin.
      const free = round > 60 ? left.map((id) => change(id, { not_before: null })) : [];
      const others = left.map((id, index) => change(id, changes[(round * 7 + index * 5) % changes.length] ?? {}));
      const turns = [release(left), release(left)];
      const claims = (await released()).map(async (id) => {
        if ((await claim(id)) === 'claimed') claimed.push(id);
      });
      await Promise.all([...(round > 60 ? free : others), ...turns, ...claims]);
      const open = await Run.findAll({ where: { id: left }, order: ['id'] });
      for (const { id, status, released_at } of open)
        assert.ok(status !== 'running' || released_at === null, `run ${id} has a turn and a worker`);
      left = open.filter(({ status }) => status === 'queued').map(({ id }) => id);
    }
    assert.deepEqual(
      claimed.toSorted((a, b) => a - b),
      ids,
    );
    assert.equal(await Run.max('lease_epoch'), 1);
    assert.equal(priorityNumber('low'), 3);
  });
});
