import assert from 'node:assert/strict';
import { requireConfigured, trackerEnvironment } from '../../../src/models/trackers/configured-trackers.ts';
import { loadEnv } from '../../../src/platform/env.ts';
import { UserError } from '../../../src/platform/failure.ts';

describe('configured trackers', () => {
  it('are all that may be named; another one is refused with the setting that it needs', () => {
    // Let requireConfigured look at the first name alone, and it fails.
    const env = loadEnv({ MTM_TRACKIO_DIR: '/tracked', MTM_MLFLOW_URL: '' });
    requireConfigured(env, ['trackio']);
    const settings = { mlflow: /MTM_MLFLOW_URL/, wandb: /MTM_WANDB_DIR/ };
    for (const [tracker, setting] of Object.entries(settings))
      assert.throws(
        () => requireConfigured(env, ['trackio', tracker as 'mlflow' | 'wandb']),
        (error) => error instanceof UserError && setting.test(error.message) && error.field === 'trackers',
      );
  });

  it('are given their keys beside their address', () => {
    const env = loadEnv({ MTM_MLFLOW_URL: 'https://anna:a%2Fb@mlflow.example:5000/x/', MTM_MLFLOW_TOKEN: 'token' });
    const { MTM_TRACKER_PROJECT: _, ...given } = trackerEnvironment(env, 'mlflow');
    assert.deepEqual(given, {
      MTM_TRACKER_PLACE: 'https://mlflow.example:5000/x',
      MLFLOW_TRACKING_USERNAME: 'anna',
      MLFLOW_TRACKING_PASSWORD: 'a/b',
      MLFLOW_TRACKING_TOKEN: 'token',
    });
  });
});
