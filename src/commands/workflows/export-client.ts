import type { Export } from '../../models/exports/export.ts';
import type { Env } from '../../platform/env.ts';
import { ORCHESTRATION_QUEUE } from '../../workflows/contract.ts';
import type { exportWorkflow } from '../../workflows/index.ts';
import type { Calls } from './training-client.ts';

/** What the service asks of Temporal about exports. */
export interface Exports {
  /** Starts the workflow of an export unless it is open. One that has ended, or that somebody ended, is started anew. */
  startExport(wanted: Export, host: string): Promise<void>;
}

const CALL_TIMEOUT_MS = 5_000;

export function exportsOf(env: Env, { within }: Pick<Calls, 'within'>): Exports {
  return {
    startExport: ({ id: exportId, run_id, format, quantization, repository }, host) =>
      within(CALL_TIMEOUT_MS, async (client) => {
        await client.workflow.start<typeof exportWorkflow>('exportWorkflow', {
          workflowId: `export-${exportId}`,
          taskQueue: ORCHESTRATION_QUEUE,
          args: [{ exportId, host, heartbeatTimeoutMs: env.heartbeatTimeoutMs }],
          workflowIdConflictPolicy: 'USE_EXISTING',
          workflowIdReusePolicy: 'ALLOW_DUPLICATE',
          staticSummary: `Export run ${run_id}: ${[format, quantization, repository].filter(Boolean).join(', ')}`,
        });
      }),
  };
}
