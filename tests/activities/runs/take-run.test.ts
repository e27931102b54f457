import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GivenCheckpoints } from '../../../src/activities/runs/given-checkpoints.ts';
import { PatientGiving } from '../../../src/activities/runs/patient-giving.ts';
import { takeRun } from '../../../src/activities/runs/take-run.ts';
import type { Hold } from '../../../src/activities/runs/under-lease.ts';
import { Checkpoint } from '../../../src/models/runs/checkpoint.ts';
import { Run } from '../../../src/models/runs/run.ts';
import { RunEvent } from '../../../src/models/runs/run-event.ts';
import { knownCheckpointStep } from '../../../src/models/runs/run-progress.ts';
import type { Env } from '../../../src/platform/env.ts';
import { exists } from '../../../src/platform/files.ts';
import { objectStoreOf } from '../../../src/platform/object-store/object-store.ts';
import { StoreError } from '../../../src/platform/object-store/store-error.ts';
import { type CheckpointName, checkpointPlace, checkpointsHere } from '../../../src/runs/checkpoints-here.ts';
import { runPaths } from '../../../src/runs/run-paths.ts';
import { type RunStore, runStoreOf } from '../../../src/runs/run-store.ts';
import { DamagedInStore } from '../../../src/runs/stored-folder.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { STORE_KEYS, startObjectStore, type TestStore, withStoreKeys } from '../../support/object-store.ts';
import { buildRun } from '../../support/runs.ts';
import { testEnv } from '../../support/service.ts';

/** Two hosts, each with an MTM_HOME of its own, and a real S3 server. */
describe('a run in the store', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let folder: string;
  let server: TestStore;
  let restoreKeys: () => void;
  let a: Env;
  let b: Env;
  let run: Run;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mtm-test-'));
    restoreKeys = withStoreKeys();
    [database, server] = await Promise.all([startTestDatabase(), startObjectStore(folder)]);
    const env = { ...(await testEnv()), storeUrl: server.url, storeEndpoint: server.endpoint };
    a = { ...env, home: join(folder, 'a') };
    b = { ...env, home: join(folder, 'b') };
  });
  after(async () => {
    await database?.remove();
    await server?.stop();
    restoreKeys?.();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    run = await buildRun(database);
    await mkdir(runPaths(a, run).mixture, { recursive: true });
    await writeFile(join(runPaths(a, run).mixture, 'train.parquet'), 'rows');
    await storeOf(a).giveBeginning();
  });

  const storeOf = (env: Env): RunStore => runStoreOf(env, run) as RunStore;

  /** What a worker of a host has while it works under a claim. */
  async function claim(epoch: number): Promise<Hold & { end: AbortController }> {
    await Run.sequelize?.query(`UPDATE runs SET status = 'running', lease_epoch = ${epoch} WHERE id = ${run.id}`);
    const end = new AbortController();
    return {
      lease: { runId: run.id, epoch, workerId: 'w' },
      claimedAtMs: 0,
      epoch,
      stop: end.signal,
      end,
      goodForMs: () => 10_000,
      requireInForce: () => end.signal.throwIfAborted(),
      onProlonged: () => {},
      show: () => {},
    };
  }

  /** A checkpoint on a host's disk, and its row. */
  async function save(env: Env, one: CheckpointName): Promise<void> {
    const place = checkpointPlace(runPaths(env, run), one);
    await mkdir(place, { recursive: true });
    await writeFile(join(place, 'weights'), `weights of claim ${one.epoch}, step ${one.step}`);
    await writeFile(join(place, 'manifest.json'), '{}');
    const row = { run_id: run.id, lease_epoch: one.epoch, step: one.step, epoch: 1, path: place, bytes: 1 };
    await Checkpoint.create({ ...row, manifest_sha256: 'x'.repeat(64), state: 'complete' });
  }

  const givingOf = (env: Env, hold: Hold) => {
    const store = storeOf(env);
    return new GivenCheckpoints(store, hold, new PatientGiving(store, hold));
  };
  const namesOn = async (env: Env) =>
    (await checkpointsHere(runPaths(env, run))).map(({ epoch, step }) => `e${epoch}/${step}`).sort();
  const warnings = async () =>
    (await RunEvent.findAll({ where: { run_id: run.id, kind: 'warning' } })).map(({ data }) => String(data.message));

  it('is gone on from on another host, by its newest checkpoint', async () => {
    const first = await claim(1);
    assert.deepEqual(await takeRun(a, run, storeOf(a), first), []);
    const giving = givingOf(a, first);
    const told = ['events', 'evaluations'].map((part) => join(runPaths(a, run).dir, part, 'e1.jsonl'));
    for (const file of told) {
      await mkdir(join(file, '..'), { recursive: true });
      await writeFile(file, 'e1\n');
    }
    for (const step of [20, 40]) {
      await save(a, { epoch: 1, step });
      await giving.saved({ epoch: 1, step });
    }
    await giving.done();
    assert.equal(await knownCheckpointStep(run.id, 'in the store'), 40);
    // The trainer told more since, which the store does not have: the host is gone.
    await writeFile(told[0] ?? '', 'e1, later\n', { flag: 'a' });
    await takeRun(b, run, storeOf(b), await claim(2));
    assert.deepEqual(await namesOn(b), ['e1/40']);
    assert.equal(await readFile(join(runPaths(b, run).mixture, 'train.parquet'), 'utf8'), 'rows');
    // Leave evaluations out of BY_CLAIM, and a validation there has nothing to hold the model against.
    for (const part of ['events', 'evaluations'])
      assert.equal(await readFile(join(runPaths(b, run).dir, part, 'e1.jsonl'), 'utf8'), 'e1\n');
    assert.deepEqual(await warnings(), []);
  });

  it('does not go on from what came after a later claim had begun from less', async () => {
    // Let every checkpoint count in takeRun, and the third claim goes on from step 60, whose figures the second one may lack.
    const first = await claim(1);
    await takeRun(a, run, storeOf(a), first);
    await save(a, { epoch: 1, step: 20 });
    const giving = givingOf(a, first);
    await giving.saved({ epoch: 1, step: 20 });
    await giving.done();
    await save(a, { epoch: 1, step: 60 });
    await takeRun(b, run, storeOf(b), await claim(2));
    assert.match(String(await warnings()), /lost before the store had its checkpoint of step 60/);
    // The first host was only cut off, and its bytes come now.
    await storeOf(a).giveCheckpoint({ epoch: 1, step: 60 }, checkpointPlace(runPaths(a, run), { epoch: 1, step: 60 }));
    await takeRun(a, run, storeOf(a), await claim(3));
    assert.deepEqual(await namesOn(a), ['e1/20']);
  });

  it('goes on on the same host from what the store does not have yet, and gives it', async () => {
    await takeRun(a, run, storeOf(a), await claim(1));
    await save(a, { epoch: 1, step: 20 });
    const second = await claim(2);
    const toGive = await takeRun(a, run, storeOf(a), second);
    assert.deepEqual(toGive, [{ epoch: 1, step: 20 }]);
    const giving = givingOf(a, second);
    for (const one of toGive) await giving.saved(one);
    await giving.done();
    assert.deepEqual(await storeOf(b).checkpoints(), [{ epoch: 1, step: 20 }]);
  });

  it('falls back to the checkpoint before where one in the store is not what was given, and says so', async () => {
    // Take the comparison out of takeFolder, and what is not what was saved is gone on from.
    const first = await claim(1);
    await takeRun(a, run, storeOf(a), first);
    const giving = givingOf(a, first);
    for (const step of [20, 40]) {
      await save(a, { epoch: 1, step });
      await giving.saved({ epoch: 1, step });
      await giving.done();
    }
    await objectStoreOf(a)?.putText(`runs/${run.id}/checkpoints/e1/checkpoint-40/weights`, 'other bytes');
    await assert.rejects(storeOf(b).takeCheckpoint({ epoch: 1, step: 40 }), DamagedInStore);
    await takeRun(b, run, storeOf(b), await claim(2));
    assert.deepEqual(await namesOn(b), ['e1/20']);
    assert.match(String(await warnings()), /step 40: The store s3:.*weights is not what was given to it/);
  });

  it('keeps of a training as many checkpoints as its host does', async () => {
    const first = await claim(1);
    await takeRun(a, run, storeOf(a), first);
    const giving = givingOf(a, first);
    for (const step of [20, 40, 60, 80]) {
      await save(a, { epoch: 1, step });
      await giving.saved({ epoch: 1, step });
      await giving.done();
      if (step > 40) giving.pruned({ epoch: 1, step: step - 40 });
    }
    assert.deepEqual(
      (await storeOf(a).checkpoints()).map(({ step }) => step).sort((x, y) => x - y),
      [40, 60, 80],
    );
  });

  it('gives nothing any more once its claim is over, and nothing that it began counts', async () => {
    const first = await claim(1);
    await takeRun(a, run, storeOf(a), first);
    await save(a, { epoch: 1, step: 20 });
    first.end.abort('superseded');
    const giving = givingOf(a, first);
    await giving.saved({ epoch: 1, step: 20 });
    await giving.done();
    assert.deepEqual(await storeOf(a).checkpoints(), []);
  });

  it('is refused with a sentence where the key is wrong, and where nothing answers', async () => {
    const other = { ...a, storeEndpoint: 'http://127.0.0.1:1' };
    await assert.rejects(
      (runStoreOf(other, run) as RunStore).checkpoints(),
      (error: Error) =>
        error instanceof StoreError && /The store s3:\/\/.*does not answer.*ECONNREFUSED/.test(error.message),
    );
    const nobodys = { ...a, storeUrl: 's3://nobody-made-it' };
    await assert.rejects(
      (runStoreOf(nobodys, run) as RunStore).checkpoints(),
      /no such bucket: make it, or set MTM_STORE_URL/,
    );
    process.env.AWS_SECRET_ACCESS_KEY = 'another';
    const wrong = { ...a, storeUrl: `${server.url}/again` };
    await assert.rejects((runStoreOf(wrong, run) as RunStore).checkpoints(), /AWS_SECRET_ACCESS_KEY is not the one of/);
    process.env.AWS_SECRET_ACCESS_KEY = STORE_KEYS.AWS_SECRET_ACCESS_KEY;
  });

  it('leaves nothing of a run that is removed, and nothing of others is touched', async () => {
    const other = run;
    run = await buildRun(database);
    await mkdir(runPaths(a, run).mixture, { recursive: true });
    await writeFile(join(runPaths(a, run).mixture, 'train.parquet'), 'rows');
    await storeOf(a).giveBeginning();
    await storeOf(a).remove();
    assert.deepEqual(await objectStoreOf(a)?.list(`runs/${run.id}/`), []);
    assert.equal((await objectStoreOf(a)?.list(`runs/${other.id}/`))?.length, 2);
    assert.ok(await exists(runPaths(a, run).mixture));
  });
});
