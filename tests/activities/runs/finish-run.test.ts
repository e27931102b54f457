import assert from 'node:assert/strict';
import { mkdir, readdir, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import pino from 'pino';
import { createFinishRun } from '../../../src/activities/runs/finish-run.ts';
import { Project } from '../../../src/models/projects/project.ts';
import { createRun } from '../../../src/models/runs/create-run.ts';
import type { Run } from '../../../src/models/runs/run.ts';
import { RunEvent } from '../../../src/models/runs/run-event.ts';
import { resolveRunSpec } from '../../../src/models/runs/run-spec.ts';
import { TrainingConfig } from '../../../src/models/settings/training-config.ts';
import { Promotion } from '../../../src/models/versions/promotion.ts';
import { servedRun } from '../../../src/models/versions/served-run.ts';
import { PROJECT_ROOT } from '../../../src/platform/env.ts';
import { Tidying } from '../../../src/processes/orchestrator/tidy.ts';
import { runPaths } from '../../../src/runs/run-paths.ts';
import type { GateResult } from '../../../src/trainer/gate-result.ts';
import type { ValidationResult } from '../../../src/trainer/results.ts';
import { CHANGES, FilesShim } from '../../chaos/files-shim.ts';
import { buildDataset, startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { testEnv, until } from '../../support/service.ts';

const VALIDATION: ValidationResult = {
  valid: true,
  files: { valid: true, files_checked: [], errors: [] },
  loading: { valid: true, errors: [] },
  errors: [],
  verdict: 'same',
  summary: 'As its base.',
  traits: [],
  samples: [],
};

/** `current`: the version that it was held against. */
const gate = (verdict: 'passed' | 'failed', current: number | null): GateResult => ({
  verdict,
  summary: `It ${verdict}.`,
  current_version: current,
  conditions: [{ against: 'current', metric: 'loss', outcome: verdict, holds: true, summary: '', traits: [] }],
});

describe('the end of a run of a project', function () {
  this.timeout(120_000);
  let database: TestDatabase;
  let env: Awaited<ReturnType<typeof testEnv>>;
  let out: string;
  let project: Project;

  before(async () => {
    database = await startTestDatabase();
    env = { ...(await testEnv()), home: database.home };
    out = join(database.home, 'out');
  });
  after(() => database?.remove());

  beforeEach(async () => {
    project = await Project.create({
      name: 'project',
      description: null,
      base_model: 'none/such',
      training_type: 'qlora',
      max_rows: 10,
      output_directory: out,
      hyperparameters: {},
    });
  });

  /** Validated, with a model that waits to be published. */
  async function validated(found: GateResult | null): Promise<Run> {
    const dataset = await buildDataset();
    const spec = resolveRunSpec(
      {
        training_type: 'qlora',
        base_model: 'none/such',
        max_rows: 10,
        threads: 1,
        output_directory: out,
        traits: [{ trait: 'coding', datasets: [{ dataset_id: dataset.id, percentage_thousandths: 100_000 }] }],
        hyperparameters: {},
      },
      await TrainingConfig.current(),
    );
    const owner = { kind: 'project' as const, id: project.id };
    const run = await database.sequelize.transaction((transaction) => createRun(owner, spec, transaction));
    const staging_path = runPaths(env, run).staging(1);
    await mkdir(staging_path, { recursive: true });
    await writeFile(join(staging_path, 'manifest.json'), '{}');
    const result = { final_step: 1, total_steps: 1, train_loss: 1, weights_sha256: 'x', files: [], staging_path };
    const stage = { status: 'queued' as const, phase: 'waiting_for_worker' as const };
    return await run.update({ ...stage, result, validation: VALIDATION, gate: found });
  }

  const linked = async () => await readlink(join(out, 'latest')).catch(() => null);
  const served = async () => (await servedRun({ project_id: project.id }))?.workflow_id ?? null;

  it('killed at any file call, leaves the link where the row says, and one decision', async function () {
    // Link before the row decides (in `complete` of finish-run.ts), and a failed version is linked for good.
    const shim = await FilesShim.build([out], () => {});
    if (!shim) return this.skip();
    const script = `
      const { connectModels } = await import('./src/models/database.ts');
      const { createFinishRun } = await import('./src/activities/runs/finish-run.ts');
      const sequelize = connectModels(process.argv[1]);
      await createFinishRun(JSON.parse(process.argv[2]))({ runId: Number(process.argv[3]), outcome: 'completed' });
      await sequelize.close();`;
    const args = ['--import', 'tsx', '--input-type=module', '-e', script, database.url, JSON.stringify(env)];
    const finish = createFinishRun(env);
    await finish({ runId: (await validated(null)).id, outcome: 'completed' });
    let [kills, repaired] = [0, 0];
    try {
      for (let [skip, isOver] = [0, false]; !isOver; skip += 1) {
        const verdict = skip % 2 === 0 ? 'passed' : 'failed';
        const before = await served();
        const run = await validated(gate(verdict, (await servedRun({ project_id: project.id }))?.number ?? null));
        const trap = await shim.trap({
          owner: 0,
          action: 'stop',
          kinds: CHANGES,
          skip: skip >> 1,
          times: 1,
          under: out,
        });
        const child = execa(process.execPath, [...args, String(run.id)], {
          cwd: PROJECT_ROOT,
          env: shim.variables,
          reject: false,
        });
        let ended = false;
        void child.then(() => {
          ended = true;
        });
        const { struck } = await until('a stop, or the end', async () => {
          const look = await trap.look();
          return look.struck > 0 || ended ? look : null;
        });
        if (struck > 0) {
          process.kill(Number(child.pid), 'SIGKILL');
          kills += 1;
        }
        await child;
        await trap.remove();
        isOver = struck === 0 && verdict === 'failed';
        const isDecided = (await run.reload()).status === 'completed';
        const after = verdict === 'passed' ? run.workflow_id : before;
        if (isDecided) assert.equal(await served(), after);
        // Where the row has decided, the orchestrator sets the link as well as the next attempt does.
        if (isDecided && struck > 0 && verdict === 'passed') {
          await new Tidying(env, pino({ enabled: false })).pass();
          repaired += 1;
        } else await finish({ runId: run.id, outcome: 'completed' });
        assert.deepEqual([await served(), await linked()], [after, after], `${verdict}, killed at call ${skip >> 1}`);
        await finish({ runId: run.id, outcome: 'completed' });
        assert.equal(await Promotion.count({ where: { run_id: run.id } }), verdict === 'passed' ? 1 : 0);
        assert.equal(await RunEvent.count({ where: { run_id: run.id, kind: 'gate' } }), 1);
        assert.ok((await readdir(out)).includes(run.workflow_id), 'published, whatever the gate said');
      }
    } finally {
      await shim.remove();
    }
    assert.ok(kills >= 4 && repaired >= 1, `${kills} kills, ${repaired} of them between the decision and the link`);
  });

  it('is not promoted where somebody made another version the latest since it was validated', async () => {
    // Leave asOfNow out of `settle`, and a comparison with a version that is not the latest any more promotes.
    const finish = createFinishRun(env);
    const first = await validated(null);
    await finish({ runId: first.id, outcome: 'completed' });
    const second = await validated(gate('passed', null));
    await finish({ runId: second.id, outcome: 'completed' });
    const { gate: found } = await second.reload();
    assert.equal(found?.verdict, 'undecided');
    assert.match(String(found?.summary), /^The latest version was none when it was validated, and is run 1 now/);
    assert.equal(await served(), first.workflow_id);
  });
});
