import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { adoptRun } from '../../src/activities/runs/adopt-run.ts';
import type { Run } from '../../src/models/runs/run.ts';
import type { Env } from '../../src/platform/env.ts';
import { findPinned, findPinnedIndexModel, pinIndexModel, pinModel } from '../../src/runs/pinned-model.ts';
import { runPaths } from '../../src/runs/run-paths.ts';
import { COMPLETE, putDirectory, putInCache } from '../support/base-models.ts';
import { startTestDatabase, type TestDatabase } from '../support/database.ts';
import { buildRun } from '../support/runs.ts';
import { testEnv } from '../support/service.ts';

describe('the base model of a run', function () {
  this.timeout(120_000);
  let database: TestDatabase;
  let env: Env;

  before(async () => {
    database = await startTestDatabase();
    env = await testEnv();
  });

  after(async () => {
    await database?.remove();
    await rm(env.home, { recursive: true, force: true });
  });

  beforeEach(() => rm(env.modelCache, { recursive: true, force: true }));

  async function runOf(base_model: string): Promise<Run> {
    const run = await buildRun(database);
    run.spec = { ...run.spec, base_model };
    await mkdir(runPaths(env, run).dir, { recursive: true });
    return run;
  }

  it('is the one that it began with, whatever main becomes', async () => {
    const run = await runOf('org/model');
    assert.match((await pinModel(env, run)).errors.join(' '), /org\/model is not in the cache/);
    const first = await putInCache(env.modelCache, 'org/model', COMPLETE, 'aaa111');
    const found = await Promise.all([pinModel(env, run), pinModel(env, run)]);
    assert.deepEqual(
      found.map(({ path }) => path),
      [first, first],
    );
    const second = await putInCache(env.modelCache, 'org/model', COMPLETE, 'bbb222');
    assert.equal((await pinModel(env, run)).path, first);
    assert.equal((await pinModel(env, await runOf('org/model'))).path, second);

    await rm(first, { recursive: true });
    const gone = await pinModel(env, run);
    assert.equal(gone.available, false);
    assert.match(
      gone.errors.join(' '),
      /org\/model@aaa111 is not in the cache .*`mtm model add org\/model --revision aaa111`.* start it afresh/,
    );
    await putInCache(env.modelCache, 'org/model', COMPLETE, 'aaa111');
    assert.equal((await pinModel(env, run)).path, first);
  });

  it('is of a run that goes on from another the one of that', async () => {
    const from = await runOf('org/model');
    const first = await putInCache(env.modelCache, 'org/model', COMPLETE, 'aaa111');
    await pinModel(env, from);
    await putInCache(env.modelCache, 'org/model', COMPLETE, 'bbb222');
    const run = await runOf('org/model');
    await adoptRun(env, run, from);
    await adoptRun(env, run, from);
    assert.equal((await findPinned(env, run)).path, first);
    const without = await runOf('org/model');
    await adoptRun(env, without, await runOf('org/model'));
    assert.equal((await findPinned(env, without)).revision, 'bbb222');
  });

  it('of rag has its index made by one that stays as well, also in a run that goes on from it', async () => {
    const writer = { ...COMPLETE, 'config.json': '{"model_type": "llama", "architectures": ["LlamaForCausalLM"]}' };
    await putInCache(env.modelCache, 'org/writer', writer);
    const embedder = { ...COMPLETE, '1_Pooling/config.json': '{}' };
    const first = await putInCache(env.modelCache, 'org/embedder', embedder, 'aaa111');
    const [from, run] = [await runOf('org/writer'), await runOf('org/writer')];
    for (const each of [from, run]) each.spec = { ...each.spec, training_type: 'rag' };
    assert.equal((await pinIndexModel(env, from))?.path, first);
    // One that is installed later would be preferred.
    const later = await putInCache(env.modelCache, 'sentence-transformers/all-MiniLM-L6-v2', embedder);
    assert.equal((await pinIndexModel(env, from))?.path, first);
    assert.equal((await findPinnedIndexModel(env, run))?.path, later);
    await adoptRun(env, run, from);
    assert.equal((await findPinnedIndexModel(env, run))?.path, first);
  });

  it('may be a directory, whose files then stay as they are', async () => {
    const directory = join(env.home, 'mine');
    const places = { ...env, modelRoots: [env.home] };
    await putDirectory(directory, COMPLETE);
    const run = await runOf(directory);
    assert.equal((await pinModel(places, run)).path, directory);
    await writeFile(join(directory, 'tokenizer.json'), '{"version": 2}');
    assert.match((await pinModel(places, run)).errors.join(' '), /are not those of revision .* start it afresh/);
  });
});
