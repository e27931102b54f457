import assert from 'node:assert/strict';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MIGRATION_NAMES } from '../../src/models/migrations.ts';
import { toVariables } from '../../src/platform/env-variables.ts';
import { VERSION } from '../../src/platform/version.ts';
import { type RunningService, startService } from '../../src/processes/start/start.ts';
import { bearer } from '../support/api-keys.ts';
import { commandLineOf } from '../support/command-line.ts';
import { type Jobs, jobsOf } from '../support/jobs.ts';
import {
  putTemporal,
  RELEASE_KEY,
  RELEASE_SWEEP_JOB,
  type Release,
  recordedReleases,
  requirementsSha256,
  resumedFrom,
  unpackRelease,
} from '../support/releases.ts';
import { type ApiClient, clientOf, testEnv, until } from '../support/service.ts';
import { sweepsOf } from '../support/sweeps.ts';

/**
 * What each released version left on a disk, with runs under way, is gone on with by this one: its rows, its files, and its workflows in
 * Temporal's own database.
 */
for (const name of await recordedReleases())
  describe(`an upgrade from ${name.replace('.tar.gz', '')}`, function () {
    this.timeout(360_000);
    let release: Release;
    let running: RunningService | undefined;
    let client: ApiClient;
    let jobs: Jobs;
    let removeAll: () => Promise<void>;

    before(async () => {
      const { release: recorded, folder, backup, remove } = await unpackRelease(name);
      release = recorded;
      const env = { ...(await testEnv()), apiKeys: [RELEASE_KEY] };
      removeAll = async () => {
        await running?.stop();
        await remove();
        await rm(env.home, { recursive: true, force: true });
      };
      await cp(join(folder, 'models'), env.modelCache, { recursive: true });
      const variables = { ...toVariables(env), MTM_LOG_LEVEL: 'silent' };
      const { version } = await commandLineOf(env.home, variables).json('restore', backup);
      assert.equal(version, release.version);
      await putTemporal(folder, env.home);
      running = await startService(env, () => {});
      client = clientOf(running.apiUrl, bearer(RELEASE_KEY));
      jobs = jobsOf({ ...client, apiUrl: running.apiUrl }, release.dataset_id);
    });
    after(() => removeAll?.());

    it('keeps what there was', async () => {
      const { call } = client;
      const health = (await call('GET', '/health')).body;
      assert.equal(health.version, VERSION);
      assert.deepEqual(health.schema, { database: MIGRATION_NAMES.at(-1), service: MIGRATION_NAMES.at(-1) });
      // Put "DELETE FROM api_keys;" or "UPDATE jobs SET name = 'x';" into the last migration and this fails.
      const keys = (await call('GET', '/keys/')).body.items as { name: string }[];
      assert.deepEqual(keys.map((key) => key.name).sort(), [...release.keys].sort());
      const audit = (await call('GET', '/audit/')).body.items as unknown[];
      assert.ok(audit.length >= release.audit_rows, `${audit.length} of ${release.audit_rows} rows of audit`);
      for (const [was, id] of Object.entries(release.jobs)) {
        const job = await jobs.get(id);
        assert.equal(job.name, was);
        if (was === 'completed' || was === 'failed' || was === 'cancelled') assert.equal(job.status, was);
      }
    });

    it('brings every run that was under way to its end, with the weights of an undisturbed one', async () => {
      // Let the trainer look for checkpoints in another folder (training/training.py and runs/run_file.py in trainer/), and this fails.
      const { running: ran, paused, waiting, after } = release.jobs;
      assert.equal((await jobs.paused(paused)).status, 'queued');
      // An orchestrator that has just been started may not answer in time, on a machine that does much else: 503 says to ask again.
      const resumed = await until('the resume to be answered', async () => {
        const answer = await jobs.act(paused, 'resume');
        return answer.status === 503 ? null : answer;
      });
      assert.equal(resumed.status, 200, JSON.stringify(resumed.body));
      // Nobody had begun it.
      const undisturbed = await jobs.ended(waiting);
      assert.equal(undisturbed.status, 'completed', String(undisturbed.error_message));
      // On another kind of CPU, or with other libraries, the same training may round otherwise, and the first half was done there.
      const isSameArithmetic = undisturbed.weights_sha256 === release.weights_sha256;
      for (const id of [ran, paused, after]) {
        const done = await jobs.ended(id);
        assert.equal(done.status, 'completed', `${done.name}: ${done.error_message}`);
        if (isSameArithmetic || id === after)
          assert.equal(done.weights_sha256, undisturbed.weights_sha256, String(done.name));
      }
      // Not from its start again, whatever its weights are.
      for (const was of ['running', 'paused'] as const) {
        const steps = await resumedFrom(running?.apiUrl ?? '', release.jobs[was]);
        assert.ok(steps.length > 0, `${was} began anew`);
        assert.ok(Math.min(...steps) >= release.checkpoint_steps[was], `${was} went on from ${steps}`);
      }
      if (!isSameArithmetic)
        console.log(
          `        (weights differ from those of the recording machine; its libraries were ${release.requirements_sha256 === (await requirementsSha256()) ? 'the same' : 'others'})`,
        );
    });

    it('ends a sweep as it would have', async () => {
      const { status, winner, error_message } = await sweepsOf(client).ended(release.sweep_id);
      assert.equal(status, 'completed', String(error_message));
      const best = await jobs.get(Number(winner?.job_id));
      const alone = await jobs.create({
        ...RELEASE_SWEEP_JOB,
        ...winner?.settings,
        eval_steps: 4,
        epochs: undefined,
        save_steps: undefined,
      });
      assert.equal((await jobs.ended(alone)).weights_sha256, best.weights_sha256);
    });
  });
