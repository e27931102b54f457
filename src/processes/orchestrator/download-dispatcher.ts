import type { Orchestration } from '../../commands/workflows/client.ts';
import { needsItsHost } from '../../models/base-models/download-transitions.ts';
import { ModelDownload } from '../../models/base-models/model-download.ts';
import { RowDispatcher } from './row-dispatcher.ts';

const MOST_AT_ONCE = 100;

/** Each download for which its host has something to do has a workflow. */
export function downloadDispatcher(orchestration: Orchestration): RowDispatcher<ModelDownload> {
  return new RowDispatcher({
    find: () => ModelDownload.findAll({ where: needsItsHost(), order: [['id', 'ASC']], limit: MOST_AT_ONCE }),
    isUnheard: ({ status }) => ['pending', 'cancelled'].includes(status),
    start: (download) => orchestration.startDownload(download),
    // Where it was cancelled meanwhile, the next sweep starts it again.
    noteStart: ({ id, status }) =>
      ModelDownload.update(
        { workflow_started_at: new Date() },
        { where: { id, status, workflow_started_at: null }, silent: true },
      ),
  });
}
