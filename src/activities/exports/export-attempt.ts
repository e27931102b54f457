import { Context } from '@temporalio/activity';
import { noteStage } from '../../models/exports/export-transitions.ts';
import {
  type ExportDone,
  type ExporterOptions,
  type ExportFailure,
  type ExportStage,
  startExporter,
} from '../../trainer/model-export.ts';
import { whileWanted } from '../while-wanted.ts';

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
  let now: { stage: ExportStage | null; progress: number | null } = { stage: null, progress: null };
  const exporter = await startExporter({
    ...options,
    onEvent: (event) => {
      if (event.type !== 'stage') return;
      now = { stage: event.stage, progress: event.progress };
      context.heartbeat(now);
    },
  });
  const ended = await whileWanted(exporter, context.cancellationSignal, () => noteStage(exportId, now));
  return ended?.end ?? null;
}
