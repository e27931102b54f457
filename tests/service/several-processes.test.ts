import assert from 'node:assert/strict';
import { assertWeights, type Jobs, jobsOf, stepsIn } from '../support/jobs.ts';
import { csvRows } from '../support/rows.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { trainerOf } from '../support/trainers.ts';

/** MTM_DEVICES_PER_RUN on a machine without GPUs: so many processes share the CPU. */
describe('a run with two processes', function () {
  this.timeout(360_000);
  let service: TestService;
  let remove: () => Promise<void>;
  let jobs: Jobs;

  before(async () => {
    ({ service, remove } = await startTestService({ devicesPerRun: 2 }));
    jobs = jobsOf(service, Number((await service.upload('rows.csv', csvRows(80))).body.id));
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
  });

  after(() => remove?.());

  it('goes on after SIGKILL of its trainer and ends with the weights of an undisturbed one', async () => {
    const options = { lora_dropout: 0.1, epochs: 1, save_steps: 10 };
    const undisturbed = await jobs.ended(await jobs.create(options));
    const id = await jobs.create(options);
    await jobs.atStep(id, 15);
    process.kill(await trainerOf(service.env.home), 'SIGKILL');
    const killed = await jobs.ended(id);
    assertWeights(killed, undisturbed);
    const events = await jobs.eventsOf(id);
    // Leave `processes` out of the run file (src/activities/runs/train-model.ts) and it is one.
    assert.match(events, /in 2 processes/);
    assert.equal(stepsIn(events, 'resumed').length, 1);
  });
});
