import assert from 'node:assert/strict';
import { settledPool } from '../support/hosts.ts';
import { assertWeights, type Jobs, jobsOf, stepsIn } from '../support/jobs.ts';
import { startTestService, type TestService, until } from '../support/service.ts';
import { trainerOf } from '../support/trainers.ts';

interface Validated {
  traits: { rows: number; base: { preference_accuracy: number }; tuned: { preference_accuracy: number } }[];
}

describe('a training on preferences', function () {
  this.timeout(360_000);
  let service: TestService;
  let remove: () => Promise<void>;
  let jobs: Jobs;

  before(async () => {
    ({ service, remove } = await startTestService());
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
    await settledPool(service, 1);
    // Leave the column `rejected` out of mixtures (src/datasets/mix.ts) and the trainer refuses their rows.
    const rows = Array.from({ length: 100 }, (_, i) => ({
      prompt: `question ${i}`,
      // The longer one is the less likely one of the base.
      chosen: `fish ${i % 7}!`,
      rejected: 'bird',
    }));
    const lines = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
    const { body: dataset } = await service.upload('pairs.jsonl', lines);
    assert.deepEqual(dataset.mapping, { chosen: 'chosen', rejected: 'rejected', prompt: 'prompt' });
    jobs = jobsOf(service, Number(dataset.id));
  });
  after(() => remove?.());

  function assertLearnt(job: Awaited<ReturnType<Jobs['ended']>>) {
    assert.equal(job.status, 'completed', String(job.error_message));
    const { traits } = job.validation as Validated;
    assert.deepEqual(
      traits.map(({ base, tuned }) => [base.preference_accuracy < 0.5, tuned.preference_accuracy > 0.85]),
      [[true, true]],
      JSON.stringify(traits),
    );
  }

  it('learns what was preferred, and a kill in the middle changes nothing of it', async () => {
    const chosen = { training_type: 'dpo', beta: 0.2, learning_rate: 0.01, save_steps: 10 };
    const undisturbed = await jobs.ended(await jobs.create(chosen));
    assertLearnt(undisturbed);

    const id = await jobs.create(chosen);
    await jobs.atStep(id, 30);
    process.kill(await trainerOf(service.env.home), 'SIGKILL');
    assertWeights(await jobs.ended(id), undisturbed);
    assert.equal(stepsIn(await jobs.eventsOf(id), 'resumed').length, 1);
    const { body } = await until('metrics', async () => {
      const found = await service.call('GET', `/jobs/${id}/metrics`);
      return found.status === 200 ? found : null;
    });
    const { points } = body as { points: { loss: number; reward_margin: number; reward_accuracy: number }[] };
    assert.ok((points.at(-1)?.reward_margin ?? 0) > 0);
    assert.equal(points.at(-1)?.reward_accuracy, 1);
    // Leave one of them out of readBuckets (src/models/runs/run-curves.ts) and the answer has none of it.
    const { body: curves } = await service.call('GET', `/jobs/${id}/curves`);
    const { buckets } = curves as { buckets: { reward_margin: number[]; reward_accuracy: number[] } };
    assert.deepEqual(
      [buckets.reward_margin.at(-1), buckets.reward_accuracy.at(-1)],
      [points.at(-1)?.reward_margin, points.at(-1)?.reward_accuracy],
    );

    const { body: mixture } = await service.call('GET', `/jobs/${id}/mixture?rows=1`);
    const [row] = (mixture as { items: { messages: unknown[]; rejected: { content: string }[] }[] }).items;
    assert.match(String(row?.rejected[0]?.content), /^bird/);
  });

  it('learns it with all weights by orpo, from which adapters in 4 bits go on', async () => {
    // Leave finetuning_type out of what run files have (src/trainer/hyperparameters.ts) and adapters are trained; let startOfOutput (src/runs/starts.ts) look
    // for adapters of all weights, and the second has none to begin from.
    const chosen = { training_type: 'dpo', learning_rate: 0.01 };
    const full = await jobs.ended(await jobs.create({ ...chosen, finetuning_type: 'full', loss_type: 'orpo' }));
    assertLearnt(full);
    const { trained, total } = await planned(full);
    assert.equal(trained, total);
    const starts_from = { job_id: full.id, run: 1 };
    const inFour = await jobs.ended(await jobs.create({ ...chosen, finetuning_type: 'qlora', epochs: 1, starts_from }));
    assert.equal(inFour.status, 'completed', String(inFour.error_message));
    const learns = await planned(inFour);
    assert.ok(learns.trained < learns.total);
    const { traits } = inFour.validation as Validated;
    assert.ok(
      traits.every(({ base }) => base.preference_accuracy > 0.85),
      'its base is what the first became',
    );
  });

  /** How many weights are trained, and how many there are, as the trainer said it before the first step. */
  async function planned({ id }: { id?: unknown }) {
    const told = await jobs.eventsOf(Number(id));
    const figure = (name: string) => Number(new RegExp(`"${name}": ?(\\d+)`).exec(told)?.[1]);
    return { trained: figure('trainable_parameters'), total: figure('total_parameters') };
  }
});
