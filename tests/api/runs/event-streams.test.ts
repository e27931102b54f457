import assert from 'node:assert/strict';
import pg from 'pg';
import { QueryTypes } from 'sequelize';
import { eventStream } from '../../../src/api/runs/event-stream.ts';
import { HorizonWatch } from '../../../src/api/runs/horizon-watch.ts';
import { Run } from '../../../src/models/runs/run.ts';
import { readStream, STREAM_START } from '../../../src/models/runs/run-stream.ts';
import { transition } from '../../../src/models/runs/transition.ts';
import { startStoppableDatabase, type TestDatabase } from '../../support/database.ts';
import { captureLog, WARN } from '../../support/log-lines.ts';
import { buildRun } from '../../support/runs.ts';
import { until } from '../../support/service.ts';

/** Streams of runs while somebody else's transaction is open on the same PostgreSQL. */
describe('event streams', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let other: pg.Client;
  let looks = 0;

  before(async () => {
    // A server of its own: a transaction that stays open holds up the streams of all its databases.
    database = await startStoppableDatabase();
    // Of these tests alone a stream asks the database for anything while they wait.
    database.sequelize.addHook('afterQuery', () => {
      looks += 1;
    });
    other = new pg.Client({ connectionString: database.url, application_name: 'somebody-else' });
    await other.connect();
  });

  after(async () => {
    await other?.end();
    await database?.remove();
  });

  /** What is written of a transaction is in the order in which they began: one that writes holds all later ones back. */
  async function beginToWrite(): Promise<void> {
    await other.query('BEGIN');
    await other.query('SELECT pg_current_xact_id()');
  }

  async function failAndClose(run: Run): Promise<void> {
    const set = { error_class: 'TestFailure', error_message: 'It was to fail.' };
    assert.ok(await transition({ runId: run.id, to: 'failed', phase: 'finished', set }));
    await Run.update({ workflow_closed_at: new Date() }, { where: { id: run.id } });
  }

  /** Reads a stream to its end into a list that grows meanwhile. */
  function follow(runId: number, horizon: HorizonWatch) {
    const events: string[] = [];
    const gone = new AbortController();
    const ended = (async () => {
      for await (const chunk of eventStream(runId, STREAM_START, { signal: gone.signal, horizon })) {
        const [, event] = /^event: (\w+)/m.exec(chunk) ?? [];
        const [, status] = /"status": ?"(\w+)"/.exec(chunk) ?? [];
        if (event) events.push(`${event} ${status}`);
      }
    })();
    return { events, ended, leave: () => gone.abort() };
  }

  it('end after the last event, also when other transactions keep it from being shown for a while', async () => {
    // Take `&& !look.isHeldBack` out of src/api/runs/event-stream.ts and the end comes without the status.
    const run = await buildRun(database);
    const { events, ended } = follow(run.id, new HorizonWatch(captureLog().logger));
    await until('the first event', async () => (events.length > 0 ? true : null));
    await beginToWrite();
    await failAndClose(run);
    const before = looks;
    await until('three looks more, or the end', async () => (looks > before + 2 || events.length > 1 ? true : null));
    assert.deepEqual(events, ['status pending'], 'nothing can be shown yet, and it is not the end');
    await other.query('COMMIT');
    await ended;
    assert.deepEqual(events, ['status pending', 'status failed', 'end failed']);
  });

  it('say nothing of a run that was deleted but its end', async () => {
    const run = await buildRun(database);
    await run.destroy();
    const { events, ended } = follow(run.id, new HorizonWatch(captureLog().logger));
    await ended;
    assert.deepEqual(events, ['end deleted']);
  });

  it('that wait long are logged once, with who keeps them waiting', async () => {
    // Take #isTold out of src/api/runs/horizon-watch.ts and each look says it again.
    const { logger, lines } = captureLog();
    const horizon = new HorizonWatch(logger, 1);
    const runs = [await buildRun(database), await buildRun(database)];
    const streams = runs.map((run) => follow(run.id, horizon));
    await until('both to have begun', async () => (streams.every(({ events }) => events.length > 0) ? true : null));
    assert.deepEqual(lines, []);
    await beginToWrite();
    for (const run of runs) await failAndClose(run);
    await until('it to be said', async () => (lines.length > 0 ? true : null));
    const before = looks;
    await until('more looks', async () => (looks > before + 4 ? true : null));
    assert.deepEqual(
      lines.map(({ level, writer }) => [level, (writer as { application: string; state: string }).application]),
      [[WARN, 'somebody-else']],
    );
    await other.query('ROLLBACK');
    await Promise.all(streams.map(({ ended }) => ended));
    assert.equal(lines.length, 1);
  });

  it('show all that happened in one look, with whether that was all', async () => {
    const run = await buildRun(database);
    await failAndClose(run);
    const whole = await readStream(run.id, STREAM_START, 10);
    assert.deepEqual(
      whole.entries.map(({ kind, data }) => [kind, data.status]),
      [
        ['status', 'pending'],
        ['status', 'failed'],
      ],
    );
    assert.deepEqual(whole.run, { status: 'failed', errorMessage: 'It was to fail.', isOver: true });
    const [first] = whole.entries;
    assert.ok(first);
    assert.equal((await readStream(run.id, first, 10)).entries.length, 1);
    assert.equal((await readStream(run.id, STREAM_START, 1)).entries.length, 1);
  });

  it('are not held up by connections of ours that stand still in a transaction', async () => {
    // Take idle_in_transaction_session_timeout out of src/models/database.ts and it is 0: they stand for ever.
    const shown = await database.sequelize.query('SHOW idle_in_transaction_session_timeout', {
      type: QueryTypes.SELECT,
    });
    assert.deepEqual(shown, [{ idle_in_transaction_session_timeout: '1min' }]);
  });
});
