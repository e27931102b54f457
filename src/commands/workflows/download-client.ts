import type { ModelDownload } from '../../models/base-models/model-download.ts';
import type { Env } from '../../platform/env.ts';
import { ORCHESTRATION_QUEUE } from '../../workflows/contract.ts';
import type { modelDownloadWorkflow } from '../../workflows/index.ts';
import type { Calls } from './training-client.ts';

/** What the service asks of Temporal about downloads of models. */
export interface Downloads {
  /** Starts the workflow of a download unless it is open. One that has ended, or that somebody ended, is started anew. */
  startDownload(download: ModelDownload): Promise<void>;
}

const CALL_TIMEOUT_MS = 5_000;

export function downloadsOf(env: Env, { within }: Pick<Calls, 'within'>): Downloads {
  return {
    startDownload: ({ id: downloadId, name, revision, host }) =>
      within(CALL_TIMEOUT_MS, async (client) => {
        await client.workflow.start<typeof modelDownloadWorkflow>('modelDownloadWorkflow', {
          workflowId: `model-download-${downloadId}`,
          taskQueue: ORCHESTRATION_QUEUE,
          args: [{ downloadId, name, revision, host, heartbeatTimeoutMs: env.heartbeatTimeoutMs }],
          workflowIdConflictPolicy: 'USE_EXISTING',
          workflowIdReusePolicy: 'ALLOW_DUPLICATE',
          staticSummary: `Download ${name}`.slice(0, 200),
          staticDetails: `Download ${downloadId}: \`GET /api/v1/model-downloads/${downloadId}\`.`,
        });
      }),
  };
}
