import { allHandlersFinished, condition, patched, proxyActivities, setHandler } from '@temporalio/workflow';
import {
  type FullDisk,
  type GaveWay,
  ORCHESTRATION_QUEUE,
  type OrchestrationActivities,
  PAUSE_WAS_ASKED,
  type PauseCause,
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

const FIRST_LOOK_MS = 5_000;
/** A pause of weeks must not fill the history: a look is about 11 of at most 50,000 events. */
const LONGEST_BETWEEN_LOOKS_MS = 30 * 60_000;
/** A disk that is full again so soon had too little room: looks go on as rarely as they had become. */
const SOON_MS = 10 * 60_000;

/**
 * Pauses of one run, asked for by Updates or forced by a full disk. While it is paused the run has no activity, so it
 * holds no worker; the row says why. This workflow alone writes that.
 */
export class Pausing {
  readonly #runId: number;
  #because: PauseCause | null = null;
  #lookAfterMs = FIRST_LOOK_MS;
  #wentOnAtMs = Number.NEGATIVE_INFINITY;
  #last: Promise<unknown> = Promise.resolve();

  constructor(runId: number) {
    this.#runId = runId;
    setHandler(pauseRunUpdate, () => this.#set('asked', PAUSE_WAS_ASKED));
    setHandler(resumeRunUpdate, () => this.#set(null, null));
  }

  /** Does `stage` while the run is not paused, and again when it gave way to a pause. */
  async unlessPaused(stage: () => Promise<GaveWay | null>): Promise<void> {
    for (;;) {
      await this.#over();
      const gaveWay = await stage();
      // Workers of a version that knew no pauses return nothing.
      if (!gaveWay) return;
      if (gaveWay.to === 'full_disk') await this.#fullDisk(gaveWay.message);
      else await this.#believeRow();
    }
  }

  /** Pauses the run for a full disk, and returns when it may go on. */
  async untilRoom({ message }: FullDisk): Promise<void> {
    await this.#fullDisk(message);
    await this.#over();
  }

  /** A pause that was asked for while the disk became full stays as it is: it must not end by itself when there is room. */
  async #fullDisk(message: string): Promise<void> {
    await this.#last;
    if (this.#because === 'asked' && patched('asked-pause-stays')) return;
    await this.#set('full_disk', message);
  }

  /** The row said that the run is paused. We know why, unless it was paused in an earlier life of this workflow. */
  async #believeRow(): Promise<void> {
    await this.#last;
    if (this.#because !== null) return;
    const found = await isPaused({ runId: this.#runId });
    this.#because ??= found === true ? 'asked' : found || null;
  }

  /** Waits for Updates that are under way: who asked is told, also by a run that ends meanwhile. */
  async settled(): Promise<void> {
    await condition(allHandlersFinished);
  }

  #set(because: PauseCause | null, reason: string | null): Promise<void> {
    return this.#inTurn(async () => {
      await setPause.executeWithOptions({ summary: reason === null ? 'Resume' : 'Pause' }, [
        { runId: this.#runId, reason },
      ]);
      this.#because = because;
    });
  }

  async #over(): Promise<void> {
    const over = () => this.#because === null;
    if (over()) return;
    if (this.#because === 'asked' || Date.now() - this.#wentOnAtMs > SOON_MS) this.#lookAfterMs = FIRST_LOOK_MS;
    while (!over()) {
      const waitMs = this.#lookAfterMs;
      this.#lookAfterMs = Math.min(waitMs * 1.5, LONGEST_BETWEEN_LOOKS_MS);
      if (this.#because === 'asked' && !patched('look-at-the-row')) {
        await condition(() => this.#because !== 'asked');
      } else if (!(await condition(over, waitMs))) {
        if (this.#because === 'full_disk') await this.#lookForRoom();
        else await this.#lookAtRow();
      }
    }
    this.#wentOnAtMs = Date.now();
  }

  async #lookForRoom(): Promise<void> {
    const room = await hasRoom.executeWithOptions({ summary: 'Is there room on the disk again?' }, [
      { runId: this.#runId },
    ]);
    if (room && this.#because === 'full_disk') await this.#set(null, null);
  }

  /** A database that was restored from a backup may not know of the pause, and then nobody could resume it. */
  #lookAtRow(): Promise<void> {
    return this.#inTurn(async () => {
      if (!(await isPaused.executeWithOptions({ summary: 'Is it still paused?' }, [{ runId: this.#runId }])))
        this.#because = null;
    });
  }

  /** One after another, in the order in which they were asked for. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
