import { ApplicationFailure, Context } from '@temporalio/activity';
import { ModelDownload, troubleOf } from '../../models/base-models/model-download.ts';
import { Host } from '../../models/pool/host.ts';
import type { Run } from '../../models/runs/run.ts';
import { noteWait } from '../../models/runs/run-trouble.ts';
import { setPhase } from '../../models/runs/transition.ts';
import { type DownloadRef, FAILURE_TYPES, type GaveWay, type RunRef } from '../../workflows/contract.ts';
import { openRun } from './open-run.ts';

const LOOK_EVERY_MS = 1_000;

/**
 * Returns when a model that a run waits for is there (null), or when the run is to be paused. It only looks at rows, and says in that
 * of the run how far the download is: others may wait for the same, and it goes on when this run is cancelled. May run twice.
 */
export async function awaitDownload({ runId, downloadId }: RunRef & DownloadRef): Promise<GaveWay | null> {
  await setPhase(runId, 'pending', 'downloading_model');
  for (;;) {
    const run = await openRun(runId);
    if (run.pause_reason !== null) {
      await tell(run, null);
      await setPhase(runId, 'pending', 'paused');
      return { to: 'pause' };
    }
    const download = await ModelDownload.findByPk(downloadId);
    // Where the database is an older one, the model is asked for again.
    if (!download || download.status === 'completed') {
      await tell(run, null);
      return null;
    }
    await tell(
      run,
      waitOf(
        download,
        (await Host.present()).map(({ name }) => name),
      ),
    );
    await Context.current().sleep(LOOK_EVERY_MS);
  }
}

async function tell({ id, waiting_for }: Run, sentence: string | null): Promise<void> {
  if (waiting_for !== sentence) await noteWait(id, sentence);
}

/** What a run says that waits for a download. @throws ApplicationFailure, not to be retried, where nothing will come of it */
function waitOf(download: ModelDownload, hosts: string[]): string {
  const { id, name, status, pause_cause, bytes_done, bytes_total, error_message } = download;
  const what = `Download ${id} of ${name}`;
  if (status === 'failed')
    throw unavailable(`${what} failed. ${error_message} Then start the run again: it goes on with what was fetched.`);
  if (status === 'cancelled')
    throw unavailable(`${what} was cancelled. Start the run again to fetch the model anew, or name another one.`);
  const far = bytes_total === null ? '' : `, with ${megabytes(bytes_done)} of ${megabytes(bytes_total)} there`;
  if (pause_cause === 'asked') return `${what} is paused${far}. \`mtm model resume ${id}\` lets it go on.`;
  const trouble = troubleOf(download, hosts);
  return trouble === null ? `${what} is ${status}${far}.` : `${what} waits${far}: ${trouble}`;
}

function unavailable(sentence: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(sentence, FAILURE_TYPES.modelUnavailable);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
