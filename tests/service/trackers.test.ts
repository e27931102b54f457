import assert from 'node:assert/strict';
import { join } from 'node:path';
import { jobsOf } from '../support/jobs.ts';
import { csvRows } from '../support/rows.ts';
import { clientOf, until } from '../support/service.ts';
import { killableService, withTinyModel } from '../support/started-service.ts';
import { logOfSenders, proveThreeKills } from '../support/trackers.ts';

const SECRETS = ['hush-password', 'hush-token'];

describe('runs that trackers are told of', function () {
  this.timeout(360_000);
  const killable = killableService(async (env) => ({
    ...(await withTinyModel(env)),
    // Nobody listens there.
    mlflowUrl: `http://anna:${SECRETS[0]}@127.0.0.1:1`,
    mlflowToken: SECRETS[1],
    wandbDir: join(env.home, 'wandb'),
    trackioDir: join(env.home, 'trackio'),
  }));

  // MLflow's server takes a minute to install and 850 MB: tests/bench/trackers/mlflow.proof.ts has the same with it.
  it('are read back from W&B’s file and by trackio’s client, every step once and in order, over three kills; a server that is away stops none', async () => {
    // Let to_trackio.py name its rows by chance and deliver() begin with the first step each time, and steps are there twice; let
    // evalsAfter take each measurement, and held-out losses are. Let trackerEnvironment leave users and passwords in the address, and
    // they are told.
    const apiUrl = await proveThreeKills(killable, ['wandb', 'trackio']);
    const service = { apiUrl, ...clientOf(apiUrl) };
    const { body: dataset } = await service.upload('few.csv', csvRows(20));
    const jobs = jobsOf(service, Number(dataset.id));
    const job = await jobs.create({ trackers: ['mlflow'], training_type: 'standard', epochs: 1 });
    const { status, error_message } = await jobs.ended(job);
    assert.equal(status, 'completed', String(error_message));
    const [delivery] = await until('why it waits', async () => {
      const { body } = await service.call('GET', `/jobs/${job}/trackers`);
      const items = body.items as { status: string; waiting_for: string | null; next_try_at: string | null }[];
      return items[0]?.waiting_for && items[0].next_try_at ? items : null;
    });
    assert.equal(delivery?.status, 'open');
    assert.match(String(delivery?.waiting_for), /^mlflow does not take what it is sent: .*127\.0\.0\.1:1.*/);
    const told = JSON.stringify(delivery) + (await logOfSenders(killable.env)) + (await jobs.eventsOf(job));
    for (const secret of SECRETS) assert.ok(!told.includes(secret), secret);
    const twice = await service.call('POST', '/jobs/', {
      name: 'j',
      dataset_id: dataset.id,
      trackers: ['wandb', 'wandb'],
    });
    assert.equal(twice.status, 422, JSON.stringify(twice.body));
  });
});
