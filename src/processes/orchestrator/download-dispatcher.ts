import type { Orchestration } from '../../commands/workflows/client.ts';
import { needsItsHost } from '../../models/base-models/download-transitions.ts';
import { ModelDownload } from '../../models/base-models/model-download.ts';

/** A workflow that somebody ended, or that Temporal lost, is started anew after this time at the latest. */
const START_AGAIN_AFTER_MS = 10_000;
/** And sooner where no host works on it yet: the workflow before it may have been about to end when this one was asked for. */
const START_UNHEARD_AFTER_MS = 2_000;
const MOST_AT_ONCE = 100;

/**
 * Sees to it that each download for which its host has something to do has a workflow. Rows are the list of what is to do: a
 * crash between a row and its workflow, or a workflow that was ended by hand, loses nothing.
 */
export class DownloadDispatcher {
  readonly #orchestration: Orchestration;
  readonly #startedAtMs = new Map<number, number>();

  constructor(orchestration: Orchestration) {
    this.#orchestration = orchestration;
  }

  /** Rejects when the database or Temporal is away. */
  async sweep(): Promise<void> {
    const downloads = await ModelDownload.findAll({
      where: needsItsHost(),
      order: [['id', 'ASC']],
      limit: MOST_AT_ONCE,
    });
    for (const download of downloads) {
      const { id, status, workflow_started_at } = download;
      const startAgainAfterMs = ['pending', 'cancelled'].includes(status)
        ? START_UNHEARD_AFTER_MS
        : START_AGAIN_AFTER_MS;
      const startedAtMs = this.#startedAtMs.get(id) ?? 0;
      if (workflow_started_at !== null && performance.now() - startedAtMs < startAgainAfterMs) continue;
      await this.#orchestration.startDownload(download);
      this.#startedAtMs.set(id, performance.now());
      // Where it was cancelled meanwhile, the next sweep starts it again.
      const where = { id, status, workflow_started_at: null };
      await ModelDownload.update({ workflow_started_at: new Date() }, { where, silent: true });
    }
    const known = new Set(downloads.map(({ id }) => id));
    for (const id of this.#startedAtMs.keys()) if (!known.has(id)) this.#startedAtMs.delete(id);
  }
}
