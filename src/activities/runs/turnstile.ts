import { ApplicationFailure } from '@temporalio/activity';
import { releaseNext } from '../../models/runs/line.ts';
import { Run } from '../../models/runs/run.ts';
import { isFinal } from '../../models/runs/statuses.ts';
import { isDatabaseAway } from '../../platform/postgres/database-away.ts';
import { FAILURE_TYPES, type GaveWay } from '../../workflows/contract.ts';

const LOOK_EVERY_MS = 250;

interface Waiting {
  sinceMs: number;
  goOn: (gaveWay: GaveWay | null) => void;
  end: (reason: unknown) => void;
}

/**
 * Where runs that are ready to be trained wait for their turn, all of a process together: one look at the table, a few times
 * a second, lets go who may. The table decides, so that a process that takes over goes on with the same line.
 */
export class Turnstile {
  readonly #waiting = new Map<number, Waiting>();
  #looking = false;

  /** Returns when the run may go to a worker (null), or is to be paused. @throws the reason of `signal` */
  async turn(runId: number, signal: AbortSignal): Promise<GaveWay | null> {
    signal.throwIfAborted();
    return await new Promise<GaveWay | null>((resolve, reject) => {
      // An attempt that Temporal gave up is no more waited for: this one takes its place.
      this.#waiting.get(runId)?.end(new Error('Another attempt waits in its place.'));
      const leave = () => {
        if (this.#waiting.get(runId) === waiting) this.#waiting.delete(runId);
        signal.removeEventListener('abort', onAbort);
      };
      const waiting: Waiting = {
        sinceMs: performance.now(),
        goOn: (gaveWay) => {
          leave();
          resolve(gaveWay);
        },
        end: (reason) => {
          leave();
          reject(reason);
        },
      };
      const onAbort = () => waiting.end(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.set(runId, waiting);
      if (!this.#looking) void this.#look();
    });
  }

  /** Until nobody waits. */
  async #look(): Promise<void> {
    this.#looking = true;
    while (this.#waiting.size > 0) {
      try {
        await this.#lookOnce();
      } catch (error) {
        // While the database is away they go on waiting.
        if (!isDatabaseAway(error)) for (const waiting of [...this.#waiting.values()]) waiting.end(error);
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
    this.#looking = false;
  }

  async #lookOnce(): Promise<void> {
    const now = performance.now();
    await releaseNext([...this.#waiting].map(([runId, { sinceMs }]) => ({ runId, waitedMs: now - sinceMs })));
    const ids = [...this.#waiting.keys()];
    const attributes = ['id', 'status', 'phase', 'pause_reason', 'released_at', 'lease_epoch'];
    const runs = new Map((await Run.findAll({ where: { id: ids }, attributes })).map((run) => [run.id, run]));
    for (const id of ids) {
      const waiting = this.#waiting.get(id);
      const run = runs.get(id);
      if (!waiting) continue;
      if (!run || isFinal(run.status)) {
        const how = run ? `The run is ${run.status}.` : `Run ${id} is not in the database.`;
        waiting.end(ApplicationFailure.nonRetryable(how, FAILURE_TYPES.runEnded));
      } else if (run.pause_reason !== null) waiting.goOn({ to: 'pause' });
      // One that a worker had before goes back to it without waiting.
      else if (run.released_at !== null || run.status === 'running' || run.lease_epoch > 0) waiting.goOn(null);
    }
  }
}
