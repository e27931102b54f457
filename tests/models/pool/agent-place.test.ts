import assert from 'node:assert/strict';
import pg from 'pg';
import { AgentPlace } from '../../../src/models/pool/agent-place.ts';
import { Host } from '../../../src/models/pool/host.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { until } from '../../support/service.ts';

/** Two agents of one name, as of two containers that were given the same one. */
describe('the place of the agent of a host', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let session: pg.Client;
  const places: AgentPlace[] = [];
  const [first, second] = [new Date('2026-01-01'), new Date('2026-01-02')];

  before(async () => {
    database = await startTestDatabase();
    session = new pg.Client(database.url);
    await session.connect();
  });

  afterEach(async () => {
    for (const place of places.splice(0)) await place.release();
  });

  after(async () => {
    await session.end();
    await database.remove();
  });

  const placeOf = (startedAt: Date) => {
    const place = new AgentPlace(database.url, { hostName: 'one', startedAt });
    places.push(place);
    return place;
  };
  const report = (startedAt: Date, agentPid: number) =>
    Host.report({ name: 'one', agentPid, devices: ['cpu'], startedAt });

  /** The session that holds it, and the key of its lock. */
  const holder = async () => {
    const { rows } = await session.query(
      `SELECT pid, classid, objid FROM pg_locks JOIN pg_database ON pg_database.oid = database
       WHERE locktype = 'advisory' AND granted AND datname = current_database()`,
    );
    return rows[0] as { pid: number; classid: number; objid: number } | undefined;
  };

  it('is refused to a second agent while the first reports, and is free as soon as that has ended', async () => {
    // Let `#try` be true whatever the database says (src/models/pool/agent-place.ts) and both have it.
    const [one, two] = [placeOf(first), placeOf(second)];
    await one.take();
    const reporting = setInterval(() => void report(first, 7), 100);
    try {
      await assert.rejects(
        two.take(),
        /^Error: Host one has an agent already \(process 7, started 2026-01-01T.*\), and two of one name .*MTM_HOST_NAME\.$/,
      );
      assert.equal(two.isHeld, false);
    } finally {
      clearInterval(reporting);
    }
    await one.release();
    await two.take();
    assert.equal(two.isHeld, true);
  });

  it('is waited for while its agent is silent: it may be ending', async () => {
    const [one, two] = [placeOf(first), placeOf(second)];
    await one.take();
    const sessions = async () => {
      const { rows } = await session.query(
        'SELECT sessions::int FROM pg_stat_database WHERE datname = current_database()',
      );
      return Number(rows[0].sessions);
    };
    const before = await sessions();
    const taking = two.take();
    await until('the second to have looked', async () => ((await sessions()) > before ? true : null));
    assert.equal(two.isHeld, false);
    await one.release();
    await taking;
    assert.equal(two.isHeld, true);
  });

  it('is taken again when the database ended the session', async () => {
    const one = placeOf(first);
    await one.take();
    const before = await holder();
    await session.query('SELECT pg_terminate_backend($1)', [before?.pid]);
    const pid = await until('another session to hold it', async () => {
      const now = await holder();
      return now && now.pid !== before?.pid ? now.pid : null;
    });
    assert.ok(pid);
    await until('it to know', async () => (one.isHeld ? true : null));
  });

  it('is lost when another agent got it meanwhile and reports', async () => {
    const one = placeOf(first);
    await one.take();
    await report(first, 7);
    const { pid, classid, objid } = (await holder()) ?? {};
    const other = new pg.Client(database.url);
    await other.connect();
    try {
      // It waits in the queue for the lock, so that it has it before anybody can ask again.
      const waiting = other.query('SELECT pg_advisory_lock($1, $2)', [classid, objid]);
      await until('the other to wait', async () => {
        const { rowCount } = await session.query(`SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`);
        return rowCount === 1 ? true : null;
      });
      await session.query('SELECT pg_terminate_backend($1)', [pid]);
      await waiting;
      await report(second, 8);
      await assert.rejects(one.lost, /Host one has an agent already \(process 8, started 2026-01-02T/);
      assert.equal(one.isHeld, false);
    } finally {
      await other.end();
    }
  });
});
