import { setTimeout as after } from 'node:timers/promises';
import type pg from 'pg';
import { standsStill } from '../support/processes.ts';
import { trainersOf } from '../support/trainers.ts';

const LOOK_AT_ROWS_EVERY_MS = 80;
const LOOK_AT_PROCESSES_EVERY_MS = 700;
/** A trainer that was stopped, and whose run is another's by then, ends as soon as it goes on. */
const ENDS_WITHIN_MS = 3_000;
const STEPPING = ['training', 'exporting'];

/** A run as it was seen last. */
export interface Seen {
  status: string;
  phase: string;
  step: number;
  totalSteps: number | null;
  leaseEpoch: number;
  workerId: string | null;
  isTrained: boolean;
  isClosed: boolean;
  waitingFor: string | null;
}

/** Looks at the rows of all runs under way and at the process table, all the time, for those who wait or check. */
export class Watch {
  readonly #database: pg.Pool;
  readonly #home: string;
  readonly #runs = new Map<number, Seen | null>();
  /** By run and lease epoch: the highest step that was seen in the row. */
  readonly #highest = new Map<string, number>();
  /** When a trainer was last seen to stand still (SIGSTOP): it cannot even end. */
  readonly #stoodAtMs = new Map<number, number>();
  /** Moments at which two trainers of one run were at work, which must never be. */
  readonly doubled: string[] = [];
  #stopped = false;
  #looking: Promise<unknown> = Promise.resolve();

  constructor(database: pg.Pool, home: string) {
    this.#database = database;
    this.#home = home;
  }

  start(): void {
    this.#looking = Promise.all([
      this.#repeat(LOOK_AT_ROWS_EVERY_MS, () => this.#lookAtRows()),
      this.#repeat(LOOK_AT_PROCESSES_EVERY_MS, () => this.#lookAtProcesses()),
    ]);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#looking;
  }

  follow(runId: number): void {
    this.#runs.set(runId, null);
  }

  leave(runId: number): void {
    this.#runs.delete(runId);
  }

  seen(runId: number): Seen | null {
    return this.#runs.get(runId) ?? null;
  }

  /** The highest step at which the last claim before this one that got as far as training was seen. */
  lastStepBefore(runId: number, leaseEpoch: number): number {
    for (let epoch = leaseEpoch - 1; epoch > 0; epoch--) {
      const highest = this.#highest.get(`${runId} ${epoch}`);
      if (highest !== undefined) return highest;
    }
    return 0;
  }

  async #repeat(everyMs: number, look: () => Promise<void>): Promise<void> {
    while (!this.#stopped) {
      // A look that fails because the database is away is made good by the next one.
      await look().catch(() => {});
      await after(everyMs);
    }
  }

  async #lookAtRows(): Promise<void> {
    if (this.#runs.size === 0) return;
    const { rows } = await this.#database.query<Seen & { id: number }>(
      `SELECT id, status, phase, current_step AS step, total_steps AS "totalSteps", lease_epoch AS "leaseEpoch",
         worker_id AS "workerId", result IS NOT NULL AS "isTrained", workflow_closed_at IS NOT NULL AS "isClosed",
         waiting_for AS "waitingFor"
       FROM runs WHERE id = ANY($1)`,
      [[...this.#runs.keys()]],
    );
    for (const { id, ...seen } of rows) {
      if (this.#runs.has(id)) this.#runs.set(id, seen);
      // Right after a claim the row still tells the step of the holder before.
      if (!STEPPING.includes(seen.phase)) continue;
      const key = `${id} ${seen.leaseEpoch}`;
      this.#highest.set(key, Math.max(this.#highest.get(key) ?? 0, seen.step));
    }
  }

  async #lookAtProcesses(): Promise<void> {
    const all = await trainersOf(this.#home);
    const now = Date.now();
    for (const { pid } of all) if (await standsStill(pid)) this.#stoodAtMs.set(pid, now);
    const found = all.filter(({ pid }) => now - (this.#stoodAtMs.get(pid) ?? 0) > ENDS_WITHIN_MS);
    for (const runId of new Set(found.map((trainer) => trainer.runId))) {
      const ofRun = found.filter((trainer) => trainer.runId === runId);
      if (ofRun.length < 2) continue;
      this.doubled.push(
        `Run ${runId} had ${ofRun.map(({ file, pid }) => `${file} (pid ${pid})`).join(' and ')} at once.`,
      );
    }
  }
}
