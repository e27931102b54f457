import {
  allHandlersFinished,
  condition,
  continueAsNew,
  patched,
  proxyActivities,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import {
  type FullDisk,
  type GaveWay,
  holdRunUpdate,
  LIGHT,
  ORCHESTRATION_QUEUE,
  type OrchestrationActivities,
  PAUSE_AT_RUNG,
  PAUSE_FOR_TURN,
  PAUSE_WAS_ASKED,
  PAUSES_OF_SWEEP,
  type PauseCause,
  pauseRunUpdate,
  RETRY,
  releaseRunUpdate,
  resumeRunUpdate,
  type TrainingInput,
} from '../contract.ts';
import type { Stages } from './stages.ts';

const { setPause, isPaused, hasRoom } = proxyActivities<
  Pick<OrchestrationActivities, 'setPause' | 'isPaused' | 'hasRoom'>
>({
  ...LIGHT,
  taskQueue: ORCHESTRATION_QUEUE,
  retry: RETRY,
});

const FIRST_LOOK_MS = 5_000;
/** Of a pause that a person ends: looks must not hide the steps of the run in the timeline. */
const FIRST_LOOK_WHILE_ASKED_MS = 60_000;
/** A pause of weeks must not fill the history: a look is about 11 events. */
const LONGEST_BETWEEN_LOOKS_MS = 30 * 60_000;
/** Of a pause that a person ends: then, the look is for a row that came from a backup. */
const LONGEST_WHILE_ASKED_MS = 6 * 3_600_000;
/** A disk that is full again so soon had too little room: looks go on as rarely as they had become. */
const SOON_MS = 10 * 60_000;
/** Of the 50,000 that Temporal allows. A pause of a year has about 16,000. */
const MOST_HISTORY_EVENTS = 4_000;

/**
 * Pauses of one run, asked for by Updates or forced by a full disk. While it is paused the run has no activity, so it
 * holds no worker; the row says why. This workflow alone writes that, once the run was admitted.
 */
export class Pausing {
  readonly #input: TrainingInput;
  /** Null in workflows that began before there were any. */
  readonly #stages: Stages | null;
  #because: PauseCause | null;
  #reason: string;
  #lookAfterMs = FIRST_LOOK_MS;
  /** How rare the looks of the pause had become that made the history before this one long. */
  #handedOnMs: number | null;
  /** When a pause for a full disk ended, if the last one was for that. */
  #diskHadRoomAtMs = Number.NEGATIVE_INFINITY;
  #last: Promise<unknown> = Promise.resolve();

  constructor(input: TrainingInput, stages: Stages | null) {
    this.#input = input;
    this.#stages = stages;
    this.#because = input.paused?.because ?? null;
    this.#reason = input.paused?.reason ?? '';
    this.#handedOnMs = input.paused?.lookAfterMs ?? null;
    setHandler(pauseRunUpdate, () => this.#set('asked', PAUSE_WAS_ASKED));
    setHandler(holdRunUpdate, () => this.#set('asked', PAUSE_FOR_TURN, [null]));
    setHandler(releaseRunUpdate, () => this.#set(null, null, PAUSES_OF_SWEEP));
    setHandler(resumeRunUpdate, () => this.#set(null, null));
  }

  /** Does `stage` while the run is not paused, and again when it gave way to a pause. */
  async unlessPaused(stage: () => Promise<GaveWay | null>): Promise<void> {
    for (;;) {
      await this.over();
      const gaveWay = await stage();
      // Workers of a version that knew no pauses return nothing.
      if (!gaveWay) return;
      if (gaveWay.to === 'full_disk') await this.#fullDisk(gaveWay.message);
      else if (gaveWay.to === 'hold') await this.#set('asked', PAUSE_AT_RUNG, [null]);
      else await this.#believeRow();
    }
  }

  /** Pauses the run for a full disk, and returns when it may go on. */
  async untilRoom({ message }: FullDisk): Promise<void> {
    await this.#fullDisk(message);
    await this.over();
  }

  /** Returns when the run is not paused. */
  async over(): Promise<void> {
    const over = () => this.#because === null;
    if (over()) return;
    this.#stages?.pause(this.#reason);
    if (this.#because === 'asked' || Date.now() - this.#diskHadRoomAtMs > SOON_MS)
      this.#lookAfterMs = this.#firstLookMs();
    let because = this.#because;
    while (!over()) {
      because = this.#because;
      // Before the look, too: pauses that somebody ends before one is due make the history long as well.
      if (this.#stages !== null) await this.#continueWhenLong();
      const waitMs = this.#lookAfterMs;
      const isAskedNow = this.#stages !== null && this.#because === 'asked';
      this.#lookAfterMs = Math.min(waitMs * 1.5, isAskedNow ? LONGEST_WHILE_ASKED_MS : LONGEST_BETWEEN_LOOKS_MS);
      if (this.#because === 'asked' && this.#stages === null && !patched('look-at-the-row')) {
        await condition(() => this.#because !== 'asked');
      } else if (!(await condition(over, waitMs, { summary: this.#untilWhat() }))) {
        if (this.#because === 'full_disk') await this.#lookForRoom();
        else await this.#lookAtRow();
      }
    }
    this.#diskHadRoomAtMs = because === 'full_disk' ? Date.now() : Number.NEGATIVE_INFINITY;
    this.#stages?.resume();
  }

  /** Lets Updates that are under way end, so that their callers get an answer even if the run ends first. */
  async settled(): Promise<void> {
    await condition(allHandlersFinished);
  }

  /** After how long the pause that begins is looked at. */
  #firstLookMs(): number {
    const handedOnMs = this.#handedOnMs;
    // A later pause is not that one: it begins with short waits.
    this.#handedOnMs = null;
    if (handedOnMs !== null) return handedOnMs;
    return this.#stages !== null && this.#because === 'asked' ? FIRST_LOOK_WHILE_ASKED_MS : FIRST_LOOK_MS;
  }

  /** Beside the timer, in the timeline. */
  #untilWhat(): string {
    return this.#because === 'full_disk' ? 'Paused until there is room on the disk' : 'Paused until it is resumed';
  }

  /** Begins a new history once this one is long. The run begins from the top, where what is done is found to be done. */
  async #continueWhenLong(): Promise<void> {
    const { continueAsNewSuggested, historyLength } = workflowInfo();
    if (!continueAsNewSuggested && historyLength < (this.#input.mostHistoryEvents ?? MOST_HISTORY_EVENTS)) return;
    await this.settled();
    await this.#last;
    if (this.#because === null) return;
    const paused = { because: this.#because, reason: this.#reason, lookAfterMs: this.#lookAfterMs };
    await continueAsNew<(input: TrainingInput) => Promise<unknown>>({ ...this.#input, paused });
  }

  /** A pause that was asked for while the disk became full stays as it is: it must not end by itself when there is room. */
  async #fullDisk(message: string): Promise<void> {
    await this.#last;
    if (this.#because === 'asked' && (this.#stages !== null || patched('asked-pause-stays'))) return;
    await this.#set('full_disk', message);
  }

  /** The row said that the run is paused. We know why, unless it was paused in an earlier life of this workflow. */
  async #believeRow(): Promise<void> {
    await this.#last;
    if (this.#because !== null) return;
    const found = await isPaused({ runId: this.#input.runId });
    this.#because ??= found === true ? 'asked' : found || null;
    this.#reason = PAUSE_WAS_ASKED;
  }

  /** @param from only where the row says one of these: what somebody asked for meanwhile stays */
  #set(because: PauseCause | null, reason: string | null, from?: (string | null)[]): Promise<void> {
    return this.#inTurn(async () => {
      const isSo = await setPause.executeWithOptions({ summary: reason === null ? 'Resume' : 'Pause' }, [
        { runId: this.#input.runId, reason, from },
      ]);
      if (isSo === false) return;
      this.#because = because;
      this.#reason = reason ?? '';
    });
  }

  async #lookForRoom(): Promise<void> {
    const room = await hasRoom.executeWithOptions({ summary: 'Is there room on the disk again?' }, [
      { runId: this.#input.runId },
    ]);
    if (room && this.#because === 'full_disk') await this.#set(null, null);
  }

  /** A database that was restored from a backup may not know of the pause, and then nobody could resume it. */
  #lookAtRow(): Promise<void> {
    return this.#inTurn(async () => {
      if (!(await isPaused.executeWithOptions({ summary: 'Is it still paused?' }, [{ runId: this.#input.runId }])))
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
