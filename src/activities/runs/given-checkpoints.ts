import { recordStored } from '../../models/runs/stored-checkpoints.ts';
import {
  type CheckpointName,
  type HeldCheckpoint,
  holdCheckpoint,
  isAmong,
  letGo,
} from '../../runs/checkpoints-here.ts';
import type { RunStore } from '../../runs/run-store.ts';
import type { PatientGiving } from './patient-giving.ts';
import type { Hold } from './under-lease.ts';

/** So many stay in the store, beside those that their host still has: as on a host's disk (trainer/runs/checkpoints.py). */
const KEEP = 2;

/** Gives a training's checkpoints to the store while it trains: one at a time, and of those that were saved meanwhile the newest. */
export class GivenCheckpoints {
  readonly #store: RunStore;
  readonly #hold: Hold;
  readonly #patient: PatientGiving;
  #next: HeldCheckpoint | null = null;
  #giving: Promise<void> | null = null;
  #pruned: CheckpointName[] = [];
  #given: CheckpointName[] = [];

  constructor(store: RunStore, hold: Hold, patient: PatientGiving) {
    this.#store = store;
    this.#hold = hold;
    this.#patient = patient;
  }

  /** A checkpoint is whole on this host. Returns once it cannot vanish any more; it is given behind that. */
  async saved(checkpoint: CheckpointName): Promise<void> {
    const held = await holdCheckpoint(this.#store.paths, checkpoint);
    if (held === null) return;
    const skipped = this.#next;
    this.#next = held;
    if (skipped) await letGo(skipped);
    this.#giving ??= this.#giveAll();
    // Whoever waits for `done` hears of it.
    this.#giving.catch(() => {});
  }

  /** The trainer made room: what the store has of it goes once newer ones are there. */
  pruned(checkpoint: CheckpointName): void {
    this.#pruned.push(checkpoint);
  }

  /** Returns when the newest is given, or cannot be. @throws what giving failed with */
  async done(): Promise<void> {
    await this.#giving;
  }

  async #giveAll(): Promise<void> {
    for (let one = this.#take(); one; one = this.#take()) {
      await this.#give(one);
      await letGo(one);
    }
    this.#giving = null;
  }

  #take(): HeldCheckpoint | null {
    const one = this.#next;
    this.#next = null;
    return one;
  }

  async #give({ epoch, step, folder }: HeldCheckpoint): Promise<void> {
    await this.#patient.give(
      async (signal) => {
        // First the trainer's events until then: whoever goes on from there reads them (missed-events.ts).
        await this.#store.giveTold(this.#hold.epoch);
        await this.#store.giveCheckpoint({ epoch, step }, folder, signal);
        await recordStored(this.#hold.lease, { epoch, step });
        this.#given = [...this.#given, { epoch, step }].slice(-KEEP);
        await this.#makeRoom();
      },
      () => this.#next !== null,
    );
  }

  async #makeRoom(): Promise<void> {
    const gone = this.#pruned.filter((one) => !isAmong(one, this.#given));
    for (const one of gone) await this.#store.removeCheckpoint(one);
    this.#pruned = this.#pruned.filter((one) => !gone.includes(one));
  }
}
