import { cancelDownload as cancel } from '../../models/base-models/download-transitions.ts';
import type { DownloadRef } from '../../workflows/contract.ts';

/** Writes that a download was cancelled in Temporal. What it fetched is removed by its next workflow. May run twice. */
export async function cancelDownload({ downloadId }: DownloadRef): Promise<void> {
  await cancel(downloadId);
}
