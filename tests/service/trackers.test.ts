import { join } from 'node:path';
import { killableService, withTinyModel } from '../support/started-service.ts';
import { proveThreeKills } from '../support/trackers.ts';

describe('runs that trackers are told of', function () {
  this.timeout(360_000);
  const killable = killableService(async (env) => ({
    ...(await withTinyModel(env)),
    wandbDir: join(env.home, 'wandb'),
    trackioDir: join(env.home, 'trackio'),
  }));

  // MLflow's server takes a minute to install and 850 MB: tests/bench/trackers/mlflow.proof.ts has the same with it.
  it('are read back by the clients of W&B and trackio, every step once and in order, over three kills', async () => {
    // Let to_trackio.py name its rows by chance, or stepsAfter begin with the first step each time, and steps are there twice; let
    // evalsAfter take each measurement, and held-out losses are.
    await proveThreeKills(killable, ['wandb', 'trackio']);
  });
});
