import assert from 'node:assert/strict';
import { Worker } from '../../../src/models/pool/worker.ts';
import { admitNext, PATIENCE_MS, placesInLine, releaseNext, waitingRuns } from '../../../src/models/runs/line.ts';
import { enqueue, setPauseReasonInLine } from '../../../src/models/runs/pause.ts';
import { Run } from '../../../src/models/runs/run.ts';
import { PAUSE_FOR_TURN, PAUSE_WAS_ASKED, PAUSES_OF_SWEEP } from '../../../src/workflows/contract.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { addWorkers, buildRuns } from '../../support/runs.ts';

describe('the line of runs', function () {
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
  const idsWhere = async (column: 'admitted_at' | 'released_at') =>
    (await Run.findAll({ order: ['id'] })).filter((run) => run[column] !== null).map(({ id }) => id);
  const ready = async (ids: number[]) => {
    for (const runId of ids) assert.ok(await enqueue({ runId, from: ['pending'] }));
  };
  const release = (ids: number[], waitedMs = 0) => releaseNext(ids.map((runId) => ({ runId, waitedMs })));

  it('lets as many begin as workers can have, and as many again, in the order in which they were asked for', async () => {
    // Before, two were prepared ahead of however many workers: four of them began half as many short runs a second.
    const ids = await build(8);
    await admitNext();
    assert.deepEqual(await idsWhere('admitted_at'), ids.slice(0, 2), 'no worker yet');
    await addWorkers(1);
    await admitNext();
    assert.deepEqual(await idsWhere('admitted_at'), ids.slice(0, 3), 'two ahead at least');
    await addWorkers(2);
    await admitNext();
    await admitNext();
    assert.deepEqual(await idsWhere('admitted_at'), ids.slice(0, 6));
    await Run.update({ status: 'cancelled', finished_at: new Date() }, { where: { id: ids[0] ?? 0 } });
    await admitNext();
    assert.deepEqual((await idsWhere('admitted_at')).slice(-1), [ids[6]]);
  });

  it('goes past those that are paused, and those that cannot go on just now', async () => {
    const ids = await build(6);
    assert.ok(await setPauseReasonInLine(ids[0] ?? 0, 'asked'));
    assert.equal((await Run.findByPk(ids[0] ?? 0))?.phase, 'paused');
    await admitNext();
    assert.deepEqual(await idsWhere('admitted_at'), ids.slice(1, 3));
    await Run.update({ waiting_for: 'The disk has errors.' }, { where: { id: ids[1] ?? 0 } });
    await admitNext();
    assert.deepEqual(await idsWhere('admitted_at'), ids.slice(1, 4));
    assert.equal(await setPauseReasonInLine(ids[1] ?? 0, 'asked'), false, 'that is for its workflow');
    assert.ok(await setPauseReasonInLine(ids[0] ?? 0, null));
    assert.equal((await Run.findByPk(ids[0] ?? 0))?.phase, 'waiting');
  });

  it('lets a sweep change a pause only where the row says what the sweep has seen', async () => {
    // Leave `from` out of setPauseReasonInLine (src/models/runs/pause.ts), and the pause that somebody asked for is over.
    const [id = 0] = await build(1);
    const reason = async () => (await Run.findByPk(id))?.pause_reason;
    await setPauseReasonInLine(id, PAUSE_FOR_TURN);
    await setPauseReasonInLine(id, PAUSE_WAS_ASKED);
    assert.ok(await setPauseReasonInLine(id, null, PAUSES_OF_SWEEP), 'it is in the line');
    assert.equal(await reason(), PAUSE_WAS_ASKED);
    await setPauseReasonInLine(id, PAUSE_FOR_TURN);
    await setPauseReasonInLine(id, null, PAUSES_OF_SWEEP);
    assert.equal(await reason(), null);
  });

  it('gives a turn to one that is next while no worker is free, and to one for each that is', async () => {
    const ids = await build(5);
    await addWorkers(1, 'busy');
    await Run.update({ admitted_at: new Date() }, { where: {} });
    await ready(ids);
    await release(ids.toReversed());
    await release(ids);
    assert.deepEqual(await idsWhere('released_at'), ids.slice(0, 1));
    await addWorkers(3);
    await release(ids);
    assert.deepEqual(await idsWhere('released_at'), ids.slice(0, 3));
  });

  it('waits for an earlier one that is still being prepared, but not for long', async () => {
    const [first = 0, second = 0] = await build(2);
    await addWorkers(1);
    await Run.update({ admitted_at: new Date() }, { where: {} });
    await ready([second]);
    await release([second]);
    assert.deepEqual(await idsWhere('released_at'), []);
    await ready([first]);
    await release([first, second]);
    assert.deepEqual(await idsWhere('released_at'), [first]);

    await Run.update({ status: 'pending', released_at: null }, { where: { id: first } });
    await release([second], PATIENCE_MS + 1);
    assert.deepEqual(await idsWhere('released_at'), [second]);
  });

  it('lets none pass one that is about to wait for its turn', async () => {
    // Before, the second of two that were prepared at the same time sometimes began first.
    const [first = 0, second = 0] = await build(2);
    await addWorkers(1);
    await Run.update({ admitted_at: new Date() }, { where: {} });
    await ready([first, second]);
    await release([second]);
    assert.deepEqual(await idsWhere('released_at'), []);
    await Run.update({ lease_epoch: 1 }, { where: { id: first } });
    await release([second]);
    assert.deepEqual(await idsWhere('released_at'), [second], 'one that a worker had waits elsewhere');
  });

  it('tells each its place', async () => {
    const ids = await build(5);
    await setPauseReasonInLine(ids[1] ?? 0, 'asked');
    assert.deepEqual(
      await placesInLine([ids[4] ?? 0, ids[2] ?? 0, ids[1] ?? 0]),
      new Map([
        [ids[2], { place: 2, ofHigherPriority: 0 }],
        [ids[4], { place: 4, ofHigherPriority: 0 }],
      ]),
    );
    assert.equal(await waitingRuns(), 4);
    assert.deepEqual(await placesInLine([]), new Map());
  });
});
