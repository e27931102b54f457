import assert from 'node:assert/strict';
import { holdRunUpdate, PAUSE_WAS_ASKED, releaseRunUpdate } from '../../src/workflows/contract.ts';
import { settledPool } from '../support/hosts.ts';
import { assertWeights, type Jobs, jobsOf, stepsIn } from '../support/jobs.ts';
import { csvRows } from '../support/rows.ts';
import { startTestService, type TestService, TINY_MODEL, temporalClientOf, until } from '../support/service.ts';
import { type Sweep, sweepsOf } from '../support/sweeps.ts';

const SETTINGS = { training_type: 'lora', batch_size: 2, max_steps: 12, max_length: 64, lora_r: 4 };

const isOpen = ({ status }: Sweep['runs'][number]) => !['completed', 'failed', 'cancelled'].includes(status);

describe('a sweep', function () {
  this.timeout(360_000);
  let service: TestService;
  let remove: () => Promise<void>;
  let jobs: Jobs;
  let sweeps: ReturnType<typeof sweepsOf>;
  let datasetId: number;

  before(async () => {
    ({ service, remove } = await startTestService());
    datasetId = Number((await service.upload('rows.csv', csvRows(200))).body.id);
    jobs = jobsOf(service, datasetId);
    sweeps = sweepsOf(service);
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
    await settledPool(service, 1);
  });
  after(() => remove?.());

  const asked = (changes: object = {}) => ({
    name: 'rates',
    job: { dataset_id: datasetId, model_name: TINY_MODEL, ...SETTINGS },
    search: { method: 'grid', hyperparameters: { learning_rate: [0.1, 0.01, 0.001] } },
    early_stop: { method: 'halving', rungs: [4, 8] },
    max_concurrent_runs: 1,
    ...changes,
  });

  it('trains as many at a time as it may, stops the worse half, and survivors are as if alone', async () => {
    // Let every run that waits go on at once (free in direct(), src/activities/sweeps/gather-runs.ts), and more are under way. Take
    // `next` out of judge-runs.ts beside it (hold_step: null), and a run is not held at the second rung.
    const { id, runs } = await sweeps.create(asked());
    assert.deepEqual(
      runs.map(({ phase, name }) => [phase, name]),
      [0.1, 0.01, 0.001].map((rate, nth) => ['paused', `rates ${nth + 1}: learning_rate ${rate}`]),
    );
    const first = Number(runs[0]?.job_id);
    assert.equal((await jobs.get(first)).sweep_id, id);
    const refused = await jobs.act(Number(runs[2]?.job_id), 'resume');
    assert.equal(refused.status, 400);
    assert.match(String(refused.body.detail), new RegExp(`is a run of sweep ${id}, which lets it go on by itself`));
    let most = 0;
    const { winner, rungs, ...sweep } = await sweeps.reached('its end', id, (now) => {
      most = Math.max(most, now.runs.filter((run) => isOpen(run) && run.pause_reason === null).length);
      return now.status !== 'running';
    });
    assert.equal(most, 1);
    assert.equal(sweep.status, 'completed', String(sweep.error_message));
    assert.deepEqual(
      rungs.map(({ kept, stopped }) => [kept.length, stopped.length]),
      [
        [2, 1],
        [1, 1],
      ],
    );
    const best = sweep.runs.find(({ job_id }) => job_id === winner?.job_id);
    assert.equal(best?.held_out_loss, winner?.held_out_loss);
    assert.deepEqual(best?.settings, winner?.settings);
    const tuned = await jobs.get(Number(winner?.job_id));
    const alone = await jobs.create({
      ...SETTINGS,
      ...best?.settings,
      eval_steps: 4,
      epochs: undefined,
      save_steps: undefined,
    });
    assertWeights(tuned, await jobs.ended(alone));
    // A loser goes on by hand, from where it was stopped.
    const loser = Number(rungs[0]?.stopped[0]);
    assert.match(
      String((await jobs.get(loser)).error_message),
      /^Stopped at step 4 by sweep \d+: held-out loss [\d.]+, and/,
    );
    assert.equal((await service.call('POST', `/jobs/${loser}/start`, {})).status, 200);
    assert.equal((await jobs.ended(loser)).status, 'completed');
    assert.deepEqual(stepsIn(await jobs.eventsOf(loser), 'resumed'), [4]);
  });

  it('never ends a pause that somebody asked for since it looked at the run', async () => {
    // Leave PAUSES_OF_SWEEP out of the handler of release, or [null] out of that of hold (src/workflows/runs/pausing.ts), and what was
    // asked for is lost.
    const job = await jobs.create({ ...SETTINGS, max_steps: 400, epochs: 5 });
    await jobs.atStep(job, 1);
    assert.equal((await jobs.act(job, 'pause')).status, 200);
    const temporal = await temporalClientOf(service);
    const workflow = temporal.workflow.getHandle(`job-${job}-run-1`);
    for (const update of [releaseRunUpdate, holdRunUpdate]) {
      await workflow.executeUpdate(update);
      assert.equal((await jobs.get(job)).pause_reason, PAUSE_WAS_ASKED);
    }
    await temporal.connection.close();
    await jobs.act(job, 'cancel');
  });

  it('is paused with its runs, goes on, and is cancelled with them', async () => {
    // Leave the `paused` out of direct() in src/activities/sweeps/gather-runs.ts, and its runs train on.
    const { id, runs } = await sweeps.create(asked({ job: { ...asked().job, max_steps: 400 }, early_stop: null }));
    const [first, second] = runs.map(({ job_id }) => job_id);
    await jobs.atStep(Number(first), 1);
    assert.equal((await service.call('POST', `/sweeps/${id}/pause`)).body.status, 'paused');
    await jobs.paused(Number(first));
    await until('its worker to be free', async () =>
      (await service.call('GET', '/workers/')).body.idle_workers === 1 ? true : null,
    );
    assert.equal((await jobs.get(Number(second))).phase, 'paused');
    assert.equal((await service.call('POST', `/sweeps/${id}/resume`)).body.status, 'running');
    await jobs.reached(
      'trains again',
      Number(first),
      ({ status, phase }) => status === 'running' && phase === 'training',
    );
    assert.equal((await service.call('DELETE', `/sweeps/${id}`)).status, 409);
    const cancelled = await service.call('POST', `/sweeps/${id}/cancel`);
    assert.equal(cancelled.body.status, 'cancelled');
    for (const { job_id } of runs) {
      const { status, error_message } = await jobs.get(Number(job_id));
      assert.deepEqual([status, error_message], ['cancelled', `Sweep ${id}, which it is a run of, was cancelled.`]);
    }
    assert.equal((await service.call('POST', `/sweeps/${id}/resume`)).status, 400);
    assert.equal((await service.call('DELETE', `/sweeps/${id}`)).status, 204);
    assert.equal((await jobs.get(Number(first))).sweep_id, null);
  });

  it('that no run may have is refused, and nothing of it stays', async () => {
    // Create each job in a transaction of its own (createSweep), and those before the wrong one stay.
    const count = async (path: string) => (await service.call('GET', path)).body.total;
    const before = [await count('/jobs/'), await count('/sweeps/')];
    const grid = (hyperparameters: object) => ({ search: { method: 'grid', hyperparameters } });
    const random = (hyperparameters: object) => ({ search: { method: 'random', runs: 2, hyperparameters } });
    for (const [status, detail, changes] of [
      [422, /^search\.hyperparameters\.lora_alpha\.1 is 513: must be at most 512\.$/, grid({ lora_alpha: [8, 513] })],
      [422, /seed/, grid({ seed: [1, 2] })],
      [400, /^job\.lora_r is in search\.hyperparameters as well/, grid({ lora_r: [4, 8] })],
      [
        400,
        /^early_stop\.rungs has step 20, and job\.max_steps is 12/,
        { early_stop: { method: 'halving', rungs: [20] } },
      ],
      [400, /^early_stop\.rungs has step 4 behind a later one/, { early_stop: { method: 'halving', rungs: [8, 4] } }],
      [400, /learning_rate\.max is 0\.01, and min is 0\.1/, random({ learning_rate: { min: 0.1, max: 0.01 } })],
      [
        400,
        /learning_rate\.min is 0, which is no value of learning_rate/,
        random({ learning_rate: { min: 0, max: 0.01 } }),
      ],
      [400, /^job\.training_type is rag/, { job: { ...asked().job, training_type: 'rag' } }],
      [400, /^search varies nothing\. Give hyperparameters/, grid({})],
      [400, /^early_stop\.rungs has step 4, and job\.eval_steps is 3/, { job: { ...asked().job, eval_steps: 3 } }],
      [
        400,
        /^Combination 2 \(loraplus_lr_ratio 16, optimizer muon\): loraplus_lr_ratio is 16, and optimizer is "muon"/,
        grid({ optimizer: ['adamw', 'muon'], loraplus_lr_ratio: [16] }),
      ],
    ] as const) {
      const answer = await service.call('POST', '/sweeps/', asked(changes));
      assert.equal(answer.status, status, JSON.stringify(answer.body));
      assert.match(String(answer.body.detail), detail);
    }
    assert.deepEqual([await count('/jobs/'), await count('/sweeps/')], before);
  });
});
