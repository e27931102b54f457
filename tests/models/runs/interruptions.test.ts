import assert from 'node:assert/strict';
import { interruptionsOf } from '../../../src/models/runs/interruptions.ts';
import { claimLease, type Lease, releaseLease } from '../../../src/models/runs/lease.ts';
import { enqueue } from '../../../src/models/runs/pause.ts';
import type { Run } from '../../../src/models/runs/run.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { buildRun } from '../../support/runs.ts';
import { until } from '../../support/service.ts';

const TTL_MS = 30_000;

describe('interruptions of a run', () => {
  let database: TestDatabase;
  before(async () => {
    database = await startTestDatabase();
  });
  after(() => database?.remove());

  async function queuedRun(): Promise<Run> {
    const run = await buildRun(database);
    await enqueue({ runId: run.id, from: ['pending'] });
    return run;
  }

  async function claim(run: Run, workerId: string, ttlMs = TTL_MS): Promise<Lease> {
    const claimed = await until(`${workerId} to have the lease`, async () => {
      const result = await claimLease(run.id, workerId, ttlMs, 'loading');
      return result.outcome === 'claimed' ? result : null;
    });
    return claimed.lease;
  }

  it('are told in their order, each with its reason and time, and a stage that was done is none', async () => {
    // Let interruptionsOf read every status event with a reason, and `trained` is told as a failure.
    const run = await queuedRun();
    assert.deepEqual(await interruptionsOf(run.id), []);
    await claim(run, 'a', 1);
    await releaseLease(await claim(run, 'b'), 'worker_stopping');
    await releaseLease(await claim(run, 'c'), 'failed_attempt', 'The trainer was killed by SIGKILL.');
    await releaseLease(await claim(run, 'd'), 'paused');
    await releaseLease(await claim(run, 'e'), 'trained');
    await claim(run, 'f');
    const told = await interruptionsOf(run.id);
    for (const one of told) assert.match(one, /^\d{4}-\d\d-\d\d \d\d:\d\d UTC: /);
    assert.deepEqual(
      told.map((one) => one.slice('2026-11-28 06:19 UTC: '.length)),
      [
        'a was lost: it did not renew its lease in time.',
        'b was stopped; it saved first.',
        'The trainer was killed by SIGKILL.',
        'The run was paused; it saved first.',
      ],
    );
  });

  it('are the newest ones where there are many, with the number of the others', async () => {
    // Take LIMIT out of interruptionsOf and a heartbeat of a run that was interrupted for weeks grows with each of them.
    const run = await queuedRun();
    for (let n = 1; n <= 8; n++) await releaseLease(await claim(run, `w${n}`), 'worker_stopping');
    const [others, first, ...rest] = await interruptionsOf(run.id);
    assert.equal(others, "3 earlier ones are in the run's events.");
    assert.match(String(first), /w4 was stopped/);
    assert.equal(rest.length, 4);
  });
});
