import assert from 'node:assert/strict';
import { temporalLogger } from '../../../src/platform/temporal/temporal-logger.ts';
import { captureLog, ERROR, WARN } from '../../support/log-lines.ts';

describe('what the SDK of Temporal says', () => {
  it('is lines of our log, in which runId means a run of ours', () => {
    // Pass its fields as they are, and its execution of a workflow looks like a run.
    const { logger, lines } = captureLog();
    const sdk = temporalLogger(logger.child({ name: 'worker-1' }));
    sdk.warn('Activity failed', {
      runId: 'a-uuid',
      workflowId: 'job-1-run-1',
      timestampNanos: 12n,
      error: new Error('no'),
    });
    sdk.log('ERROR', 'Core says', { sdkComponent: 'core' });
    const [failed, core] = lines;
    assert.deepEqual(
      [failed?.level, failed?.msg, failed?.runId, failed?.temporalRunId, failed?.workflowId, failed?.name],
      [WARN, 'Activity failed', undefined, 'a-uuid', 'job-1-run-1', 'worker-1'],
    );
    assert.match(JSON.stringify(failed?.err), /"message":"no"/);
    assert.deepEqual([core?.level, core?.msg, core?.sdkComponent], [ERROR, 'Core says', 'core']);
  });
});
