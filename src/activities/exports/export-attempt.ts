import { Context } from '@temporalio/activity';
import { noteStage } from '../../models/exports/export-transitions.ts';
import {
  type ExportDone,
  type ExporterOptions,
  type ExportFailure,
  type ExportStage,
  startExporter,
} from '../../trainer/model-export.ts';

/** How often progress is written to the row, and the row is asked whether to go on. */
const LOOK_EVERY_MS = 1_000;

/**
 * One process that exports, and the row that says how far it is and whether it is wanted.
 * @returns null where it is not wanted any more
 * @throws the reason of a cancelled activity, once the process has ended
 */
export async function attempt({
  exportId,
  ...options
}: Omit<ExporterOptions, 'onEvent'> & { exportId: number }): Promise<ExportDone | ExportFailure | null> {
  const context = Context.current();
  const stop = context.cancellationSignal;
  let now: { stage: ExportStage | null; progress: number | null } = { stage: null, progress: null };
  const exporter = await startExporter({
    ...options,
    onEvent: (event) => {
      if (event.type !== 'stage') return;
      now = { stage: event.stage, progress: event.progress };
      context.heartbeat(now);
    },
  });
  let isWanted = true;
  let looking = Promise.resolve();
  const look = async () => {
    isWanted = await noteStage(exportId, now);
    if (!isWanted) exporter.kill();
  };
  // While the database is away, progress waits for the next look; the export goes on.
  const timer = setInterval(() => {
    looking = looking.then(look).catch(() => {});
  }, LOOK_EVERY_MS);
  stop.addEventListener('abort', exporter.kill, { once: true });
  if (stop.aborted) exporter.kill();
  try {
    const end = await exporter.ended;
    clearInterval(timer);
    await looking;
    if (stop.aborted) throw stop.reason;
    return isWanted && (await noteStage(exportId, now)) ? end : null;
  } finally {
    clearInterval(timer);
    stop.removeEventListener('abort', exporter.kill);
    exporter.kill();
  }
}
