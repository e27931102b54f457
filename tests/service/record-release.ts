/**
 * `npm run record-release`: makes a small service of this version with runs in every state, stops it, and stores what it left on the
 * disk in tests/fixtures/releases/, for upgrades.test.ts to go on from with every later version. A step of each release; docs/developing.md
 * says when. A recorded release is never recorded again.
 */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import pg from 'pg';
import { MIGRATION_NAMES } from '../../src/models/migrations.ts';
import { toVariables } from '../../src/platform/env-variables.ts';
import { exists } from '../../src/platform/files.ts';
import { VERSION } from '../../src/platform/version.ts';
import { bearer } from '../support/api-keys.ts';
import { commandLineOf } from '../support/command-line.ts';
import { settledPool } from '../support/hosts.ts';
import { jobsOf } from '../support/jobs.ts';
import {
  putTemporal,
  RELEASE_JOB,
  RELEASE_KEY,
  RELEASE_SWEEP_JOB,
  RELEASES,
  type Release,
  requirementsSha256,
} from '../support/releases.ts';
import { csvRows } from '../support/rows.ts';
import { clientOf, startServiceWithServers, TINY_MODEL } from '../support/service.ts';
import { putTinyModel } from '../support/tiny-models.ts';

/** The repository keeps every one of them. */
const MOST_BYTES = 1024 ** 2;

const target = join(RELEASES, `${VERSION}-${MIGRATION_NAMES.at(-1)}.tar.gz`);
if (await exists(target))
  throw new Error(
    `${target} is there already. What a version left behind does not change: remove it if it was never released.`,
  );
const folder = await mkdtemp(join(tmpdir(), 'mtm-release-'));
const { service, remove } = await startServiceWithServers({ apiKeys: [RELEASE_KEY] });
try {
  const client = clientOf(service.apiUrl, bearer(RELEASE_KEY));
  const made = await fillService(client);
  await service.stop();
  const variables = { ...toVariables(service.env), MTM_LOG_LEVEL: 'silent' };
  await commandLineOf(service.env.home, variables).json('backup', join(folder, 'backup'));
  await rm(join(folder, 'backup', 'backup.lock'), { force: true });
  await putTemporal(service.env.home, folder);
  await putTinyModel({ ...service.env, modelCache: join(folder, 'models') }, 'tiny-random');
  const release: Release = {
    version: VERSION,
    schema: [...MIGRATION_NAMES],
    recorded_at: new Date().toISOString(),
    requirements_sha256: await requirementsSha256(),
    ...made,
  };
  await writeFile(join(folder, 'release.json'), `${JSON.stringify(release, null, 2)}\n`);
  await mkdir(RELEASES, { recursive: true });
  await execa('tar', ['-czf', target, '-C', folder, ...(await readdir(folder)).sort()], { env: { GZIP: '-9' } });
  const { size } = await stat(target);
  console.log(`${target}: ${(size / 1024).toFixed(0)} KiB`);
  if (size > MOST_BYTES) {
    await rm(target);
    throw new Error(
      `It is larger than ${MOST_BYTES / 1024} KiB, which the repository keeps for ever. Make what it has smaller.`,
    );
  }
} finally {
  await remove();
  await rm(folder, { recursive: true, force: true });
}

/** Runs in every state, with a worker that is training one of them. */
async function fillService(client: ReturnType<typeof clientOf>) {
  const { call, upload } = client;
  const dataset_id = Number((await upload('rows.csv', csvRows(110))).body.id);
  const jobs = jobsOf({ call, apiUrl: service.apiUrl }, dataset_id);
  await call('POST', '/workers/', { action: 'start', worker_count: 1 });
  await settledPool({ call }, 1);
  const ended = async (id: number, status: string) => {
    const body = await jobs.ended(id);
    assert.equal(body.status, status, String(body.error_message));
    return body;
  };
  const completed = await jobs.create({ name: 'completed', ...RELEASE_JOB });
  const { weights_sha256, total_steps } = await ended(completed, 'completed');
  console.log(`An undisturbed job takes ${total_steps} steps.`);
  const failed = await jobs.create({ name: 'failed', ...RELEASE_JOB, model_name: 'none/such' });
  await ended(failed, 'failed');
  const paused = await jobs.create({ name: 'paused', ...RELEASE_JOB });
  await jobs.atStep(paused, 12);
  await jobs.act(paused, 'pause');
  await jobs.paused(paused);
  const cancelled = await jobs.create({ name: 'cancelled', ...RELEASE_JOB });
  await jobs.act(cancelled, 'cancel');
  await ended(cancelled, 'cancelled');
  const running = await jobs.create({ name: 'running', ...RELEASE_JOB });
  const after = await jobs.create({ name: 'after', ...RELEASE_JOB, after: { job_id: running } });
  const waiting = await jobs.create({ name: 'waiting', ...RELEASE_JOB });
  const { status, body: sweep } = await call('POST', '/sweeps/', {
    name: 'sweep',
    job: { dataset_id, model_name: TINY_MODEL, ...RELEASE_SWEEP_JOB },
    search: { method: 'grid', hyperparameters: { learning_rate: [0.01, 0.001] } },
    early_stop: { method: 'halving', rungs: [4] },
    max_concurrent_runs: 1,
  });
  assert.equal(status, 201, JSON.stringify(sweep));
  const keys = ['a viewer', 'a trainer'];
  for (const name of keys) assert.equal((await call('POST', '/keys/', { name, role: name.slice(2) })).status, 201);
  await jobs.atStep(running, 25);
  assert.equal((await jobs.get(running)).status, 'running');
  for (const id of [waiting, after]) assert.match(String((await jobs.get(id)).status), /^(pending|queued)$/);
  const newest = (id: number) => newestCheckpoint(service.databaseUrl, id);
  const audit = (await call('GET', '/audit/')).body.items as unknown[];
  return {
    dataset_id,
    weights_sha256: String(weights_sha256),
    jobs: { completed, failed, cancelled, running, paused, waiting, after },
    checkpoint_steps: { running: await newest(running), paused: await newest(paused) },
    sweep_id: Number(sweep.id),
    keys,
    audit_rows: audit.length,
  };
}

/** The step of it. The stream of events would not end before the run does. */
async function newestCheckpoint(databaseUrl: string, job: number): Promise<number> {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  try {
    const { rows } = await client.query<{ step: number }>(
      'SELECT max(step) AS step FROM checkpoints JOIN runs ON runs.id = checkpoints.run_id WHERE runs.job_id = $1',
      [job],
    );
    assert.ok(rows[0]?.step, `job ${job} has no checkpoint`);
    return rows[0].step;
  } finally {
    await client.end();
  }
}
