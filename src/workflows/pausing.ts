import { allHandlersFinished, condition, proxyActivities, setHandler } from '@temporalio/workflow';
import {
  type GaveWay,
  ORCHESTRATION_QUEUE,
  type OrchestrationActivities,
  pauseRunUpdate,
  resumeRunUpdate,
} from './contract.ts';

const { setPause, isPaused, hasRoom } = proxyActivities<
  Pick<OrchestrationActivities, 'setPause' | 'isPaused' | 'hasRoom'>
>({
  taskQueue: ORCHESTRATION_QUEUE,
  startToCloseTimeout: '1 minute',
  retry: { initialInterval: '1s', maximumInterval: '30s', backoffCoefficient: 2 },
});

const ASKED = 'It was asked for. Resume it to go on.';
const FIRST_LOOK_FOR_ROOM_MS = 5_000;
/** A disk that is full for days must not fill the history. */
const LONGEST_BETWEEN_LOOKS_MS = 30 * 60_000;

/**
 * Pauses of one run, asked for by Updates or forced by a full disk. While it is paused the run has no activity, so it
 * holds no worker; the row says why. This workflow alone writes that.
 */
export class Pausing {
  readonly #runId: number;
  #because: 'asked' | 'full_disk' | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(runId: number) {
    this.#runId = runId;
    setHandler(pauseRunUpdate, () => this.#set('asked', ASKED));
    setHandler(resumeRunUpdate, () => this.#set(null, null));
  }

  /** Does `stage` while the run is not paused, and again when it gave way to a pause. */
  async unlessPaused(stage: () => Promise<GaveWay | null>): Promise<void> {
    for (;;) {
      await this.#over();
      const gaveWay = await stage();
      // Workers of a version that knew no pauses return nothing.
      if (!gaveWay) return;
      if (gaveWay.to === 'full_disk') await this.#set('full_disk', gaveWay.message);
      else await this.#believeRow();
    }
  }

  /** The row said that the run is paused. We know why, unless it was paused in an earlier life of this workflow. */
  async #believeRow(): Promise<void> {
    await this.#last;
    if (this.#because === null && (await isPaused({ runId: this.#runId }))) this.#because ??= 'asked';
  }

  /** Waits for Updates that are under way: who asked is told, also by a run that ends meanwhile. */
  async settled(): Promise<void> {
    await condition(allHandlersFinished);
  }

  /** One change after another, in the order in which they were asked for. */
  #set(because: 'asked' | 'full_disk' | null, reason: string | null): Promise<void> {
    const turn = this.#last.then(async () => {
      await setPause.executeWithOptions({ summary: reason === null ? 'Resume' : 'Pause' }, [
        { runId: this.#runId, reason },
      ]);
      this.#because = because;
    });
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #over(): Promise<void> {
    const over = () => this.#because === null;
    for (let waitMs = FIRST_LOOK_FOR_ROOM_MS; !over(); waitMs = Math.min(waitMs * 1.5, LONGEST_BETWEEN_LOOKS_MS)) {
      if (this.#because === 'asked') {
        await condition(() => this.#because !== 'asked');
      } else if (!(await condition(over, waitMs)) && this.#because === 'full_disk') {
        const room = await hasRoom.executeWithOptions({ summary: 'Is there room on the disk again?' }, [
          { runId: this.#runId },
        ]);
        if (room && this.#because === 'full_disk') await this.#set(null, null);
      }
    }
  }
}
