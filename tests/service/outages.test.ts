import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { PAUSE_WAS_ASKED, pauseRunUpdate } from '../../src/workflows/contract.ts';
import { assertWeights, type Jobs, jobsOf, stepsIn } from '../support/jobs.ts';
import { csvRows } from '../support/rows.ts';
import { type OutsideServer, type OutsideServers, startOutsideServers } from '../support/servers.ts';
import { startServiceWithServers, type TestService, temporalClientOf, until } from '../support/service.ts';
import { runIdOf } from '../support/short-history.ts';
import { trainersOf } from '../support/trainers.ts';

/** Long enough that it trains when the server goes away. */
const JOB = { epochs: 4 };

describe('a server that is away while a run trains', function () {
  this.timeout(480_000);
  let servers: OutsideServers;
  let service: TestService;
  let remove: () => Promise<void>;
  let jobs: Jobs;
  let undisturbed: Record<string, unknown>;

  before(async () => {
    servers = await startOutsideServers();
    const { databaseUrl, temporalAddress } = servers;
    ({ service, remove } = await startServiceWithServers({ databaseUrl, temporalAddress }));
    jobs = jobsOf(service, Number((await service.upload('rows.csv', csvRows(110))).body.id));
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
    undisturbed = await jobs.ended(await jobs.create(JOB));
    assert.equal(undisturbed.status, 'completed', String(undisturbed.error_message));
  });

  after(async () => {
    await remove?.();
    await servers?.remove();
  });

  const health = async () => (await service.call('GET', '/health')).body;

  it('Temporal, for longer than the end of an activity is told again: it is done again within seconds', async () => {
    // Take keepAlive() out of src/processes/orchestrator/orchestrator.ts, and the heartbeat timeout out of LIGHT, and it takes a minute.
    await service.call('POST', '/workers/', { action: 'stop', worker_count: 1 });
    const id = await jobs.create(JOB);
    await jobs.reached('waiting', id, ({ phase }) => phase === 'waiting_for_worker');
    const client = await temporalClientOf(service);
    const workflow = client.workflow.getHandle(`job-${id}-run-1`);
    const database = new pg.Client(service.databaseUrl);
    await database.connect();
    try {
      await database.query('BEGIN');
      await database.query('SELECT FROM runs WHERE id = $1 FOR UPDATE', [await runIdOf(service, id)]);
      // Not through the API, which would wait for the row itself.
      await workflow.startUpdate(pauseRunUpdate, { waitForStage: 'ACCEPTED' });
      await until('its activity to wait for the row', async () => {
        const waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        return (await database.query(waiting)).rowCount === 0 ? null : true;
      });
      await servers.temporal.kill();
    } finally {
      await database.end();
    }
    const log = join(service.env.home, 'logs', 'orchestrator.log');
    await until('its worker to give up telling', async () =>
      /Network error while completing activity/.test(await readFile(log, 'utf8')) ? true : null,
    );
    await servers.temporal.start();
    const fromMs = performance.now();
    try {
      await until('its pause to be over', async () => {
        const pending = (await workflow.describe()).raw.pendingActivities ?? [];
        return pending.some(({ activityType }) => activityType?.name === 'setPause') ? null : true;
      });
    } finally {
      await client.connection.close();
    }
    const tookMs = performance.now() - fromMs;
    assert.ok(tookMs < 30_000, `${tookMs} ms`);
    assert.equal((await jobs.get(id)).pause_reason, PAUSE_WAS_ASKED);
    await jobs.act(id, 'cancel');
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
  });

  /** Until the trainer, which cannot renew its lease, has ended. */
  const trainerGone = () =>
    until('the trainer to end', async () => ((await trainersOf(service.env.home)).length === 0 ? true : null));

  /** Each step once, and in the stream in the order of their claims; the weights of an undisturbed run. */
  async function assertNothingLost(id: number): Promise<void> {
    assertWeights(await jobs.ended(id), undisturbed);
    const steps = stepsIn(await jobs.eventsOf(id), 'step');
    const total = Number(undisturbed.total_steps);
    assert.deepEqual(
      [...new Set(steps)].sort((a, b) => a - b),
      Array.from({ length: total }, (_, i) => i + 1),
    );
    assert.equal(steps.length, total, 'each step is in the stream once');
  }

  for (const [name, parts, isLong] of [
    ['PostgreSQL, for a moment', ['postgres'], false],
    ['PostgreSQL, for longer than the lease', ['postgres'], true],
    ['Temporal, for longer than the heartbeat timeout', ['temporal'], true],
    ['both, and Temporal comes back first (the other order: tests/chaos)', ['temporal', 'postgres'], true],
  ] as const) {
    // Let #persist of src/activities/runs/event-delivery.ts give up at the first failure and steps are missing.
    it(`${name}: health says so, and the run ends as if nothing had been`, async () => {
      const id = await jobs.create(JOB);
      await jobs.atStep(id, 30);
      const names: readonly string[] = parts;
      const away: OutsideServer[] = parts.map((part) => servers[part]);
      await Promise.all(away.map((server) => server.kill()));
      try {
        assert.deepEqual((await health()).components, {
          database: names.includes('postgres') ? 'down' : 'up',
          temporal: names.includes('temporal') ? 'down' : 'up',
        });
        if (isLong) {
          const goneFromMs = performance.now();
          // Without the database nobody can renew the lease: the trainer ends by itself, in time.
          if (names.includes('postgres')) await trainerGone();
          await until('longer than Temporal waits for a heartbeat', async () =>
            performance.now() - goneFromMs > 1.5 * service.env.heartbeatTimeoutMs ? true : null,
          );
          // Without Temporal alone it trains on.
          if (!names.includes('postgres')) await jobs.atStep(id, 60);
        }
      } finally {
        for (const server of away) await server.start();
      }
      await until('health to say that all is well', async () => ((await health()).status === 'healthy' ? true : null));
      await assertNothingLost(id);
    });
  }
});
