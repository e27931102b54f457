import assert from 'node:assert/strict';
import type { z } from 'zod';
import type { SweepPlanSchema } from '../../src/api/sweeps/plan.ts';
import { settledPool } from '../support/hosts.ts';
import { csvRows } from '../support/rows.ts';
import { startTestService, type TestService, TINY_MODEL } from '../support/service.ts';
import { sweepsOf } from '../support/sweeps.ts';

describe('a sweep over mixtures', function () {
  this.timeout(360_000);
  let service: TestService;
  let remove: () => Promise<void>;
  let ids: number[];

  before(async () => {
    ({ service, remove } = await startTestService());
    ids = [];
    for (const name of ['one', 'other', 'code'])
      ids.push(Number((await service.upload(`${name}.csv`, csvRows(120, name))).body.id));
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
    await settledPool(service, 1);
  });
  after(() => remove?.());

  const tools = (first: number, others: object = {}) => ({
    trait_type: 'general_tools',
    datasets: [
      { dataset_id: ids[0], percentage: first, ...others },
      { dataset_id: ids[1], percentage: 100 - first },
    ],
  });
  const code = (weight = 1) => ({ trait_type: 'coding', weight, datasets: [{ dataset_id: ids[2], percentage: 100 }] });
  const asked = (changes: object = {}, project: object = {}) => ({
    name: 'shares',
    project: {
      ...{ base_model: TINY_MODEL, training_type: 'lora', max_rows: 80, output_directory: 'mixed' },
      ...{ batch_size: 2, max_steps: 6, max_length: 64, lora_r: 4, learning_rate: 0.01 },
      ...project,
    },
    search: {
      method: 'grid',
      mixtures: [
        { name: 'even', traits: [tools(50), code()] },
        { name: 'more code', traits: [code(3), tools(80)] },
      ],
    },
    early_stop: { method: 'halving', rungs: [3] },
    ...changes,
  });

  it('trains a project of each, holds the same rows out of all, and names the winner of each trait as well', async () => {
    // Leave `held_out: 'fixed'` out of projectsOf (src/commands/sweeps/swept.ts), and other rows are held out of each. Give mixtures as
    // they were asked for (mixturesOf, src/commands/sweeps/mixtures.ts), and the rows stand in another order.
    const { id, runs } = await sweepsOf(service).create(asked());
    assert.deepEqual(
      runs.map(({ job_id, name, settings, phase }) => [job_id, name, settings, phase]),
      [
        [null, 'shares 1: mixture even', { mixture: 'even' }, 'paused'],
        [null, 'shares 2: mixture more code', { mixture: 'more code' }, 'paused'],
      ],
    );
    const projectIds = runs.map(({ project_id }) => Number(project_id));
    const refused = await service.call('POST', `/projects/${projectIds[1]}/resume`);
    assert.match(String(refused.body.detail), new RegExp(`is a run of sweep ${id}, which lets it go on by itself`));
    const ended = await sweepsOf(service).ended(id);
    assert.equal(ended.status, 'completed', String(ended.error_message));
    assert.deepEqual(
      ended.rungs.map(({ kept, stopped }) => [kept.length, stopped.length]),
      [[1, 1]],
    );
    const { winner } = ended;
    assert.ok(projectIds.includes(Number(winner?.project_id)));
    assert.match(String(winner?.sentence), /^Project \d+ has the lowest held-out loss of 2 runs/);
    assert.deepEqual(
      winner?.traits.map(({ trait_type, best }) => [trait_type, best.project_id]),
      [
        ['general_tools', winner?.project_id],
        ['coding', winner?.project_id],
      ],
    );
    const held: string[] = [];
    const shares: number[][] = [];
    for (const projectId of projectIds) {
      const { body } = await service.call('GET', `/projects/${projectId}/mixture?part=held_out`);
      const { sha256, manifest } = body as unknown as Mixture;
      held.push(sha256);
      shares.push(manifest.counts.map(({ train }) => train));
    }
    assert.equal(held[0], held[1]);
    assert.deepEqual(shares, [
      [20, 20, 40],
      [16, 4, 60],
    ]);
    const project = (await service.call('GET', `/projects/${winner?.project_id}`)).body;
    assert.deepEqual([project.sweep_id, project.mixing], [id, { held_out: 'fixed' }]);
    assert.match(String(project.output_directory), new RegExp(`/mixed/sweep-${id}/\\d+$`));
  });

  it('is planned: its runs, its rungs, what it takes, and which run would be refused', async () => {
    // Let planRun (src/commands/sweeps/plan-sweep.ts) leave requireChoices out, and muon is not refused. Let rungsOf beside it keep all.
    const { search } = asked();
    const hyperparameters = { optimizer: ['adamw', 'muon'], loraplus_lr_ratio: [16] };
    const body = asked({ search: { ...search, hyperparameters }, max_concurrent_runs: 2 });
    const { status, body: plan } = await service.call('POST', '/sweeps/plan', body);
    assert.equal(status, 200, JSON.stringify(plan));
    const { run_count, rungs, runs, totals } = plan as unknown as z.infer<typeof SweepPlanSchema>;
    assert.equal(run_count, 4);
    assert.deepEqual(rungs, [{ step: 3, runs: 2, kept: 1 }]);
    assert.deepEqual(
      runs.map(({ plan: own }) => own && [own.train_rows, own.held_out_rows, own.steps.total]),
      [[80, 36, 6], null, [80, 36, 6], null],
    );
    assert.match(
      String(runs[1]?.refusal),
      /^Combination 2 \(mixture even, loraplus_lr_ratio 16, optimizer muon\): loraplus_lr_ratio is 16/,
    );
    // Two runs of 6 steps side by side, of which one goes on from step 3: as long as one of them.
    const alone = runs[0]?.plan?.estimate?.time.seconds ?? 0;
    assert.ok(alone > 0 && Math.abs((totals?.seconds ?? 0) / alone - 1) < 0.5, `${totals?.seconds} s, ${alone} s`);
  });

  it('with one that no project may have is refused, and nothing of it stays', async () => {
    // Take requireTraits out of mixturesOf, and the refusal does not name the mixture.
    const count = async (path: string) => (await service.call('GET', path)).body.total;
    const before = [await count('/projects/'), await count('/sweeps/')];
    const even = { name: 'even', traits: [tools(50), code()] };
    const second = (name: string, ...traits: object[]) => ({
      search: { method: 'grid', mixtures: [even, { name, traits }] },
    });
    const short = { trait_type: 'general_tools', datasets: [{ dataset_id: ids[0], percentage: 90 }] };
    for (const [detail, changes, project] of [
      [
        /^search\.mixtures\.1\.traits \("short"\): The percentages of the trait general_tools sum to 90 %/,
        second('short', short),
      ],
      [/^search\.mixtures\.1\.name is "even", as of an earlier one/, second('even', tools(20), code())],
      [/^search\.mixtures\.1\.traits \("alone"\) has other traits than "even"/, second('alone', tools(20))],
      [
        /has other filters of dataset \d+ than "even"/,
        second('filtered', tools(20, { filters: { drop_duplicates: true } }), code()),
      ],
      [/^project\.traits is given, and search\.mixtures has traits as well/, {}, { traits: [code()] }],
      [/^project\.traits is missing/, { search: { method: 'grid', hyperparameters: { lora_alpha: [8, 16] } } }],
      [/^project\.mixing\.held_out is "by_share"/, {}, { mixing: { held_out: 'by_share' } }],
      [/mixing\.similar_rows is "drop", and mixing\.held_out is "fixed"/, {}, { mixing: { similar_rows: 'drop' } }],
      [/^project is given beside job/, { job: { dataset_id: ids[0], model_name: TINY_MODEL } }],
      [/^job is missing/, { project: undefined }],
      [
        /^search\.mixtures is of a project, and a job has one dataset/,
        { project: undefined, job: { dataset_id: ids[0], model_name: TINY_MODEL } },
      ],
    ] as const) {
      const answer = await service.call('POST', '/sweeps/', asked(changes, project));
      assert.equal(answer.status, 400, JSON.stringify(answer.body));
      assert.match(String(answer.body.detail), detail);
    }
    assert.deepEqual([await count('/projects/'), await count('/sweeps/')], before);
  });
});

interface Mixture {
  sha256: string;
  manifest: { counts: { train: number }[] };
}
