import type { Orchestration } from '../../commands/workflows/client.ts';
import { OPEN_SWEEPS, Sweep } from '../../models/sweeps/sweep.ts';

/** A workflow that somebody ended, or that Temporal lost, is started anew after this time at the latest. */
const START_AGAIN_AFTER_MS = 10_000;

/** Sees to it that each sweep that has not ended has a workflow. Rows are the list of what is to do, as for runs. */
export class SweepDispatcher {
  readonly #orchestration: Orchestration;
  readonly #startedAtMs = new Map<number, number>();

  constructor(orchestration: Orchestration) {
    this.#orchestration = orchestration;
  }

  /** Rejects when the database or Temporal is away. */
  async pass(): Promise<void> {
    const sweeps = await Sweep.findAll({ where: { status: OPEN_SWEEPS }, order: [['id', 'ASC']] });
    for (const sweep of sweeps) {
      const { id, workflow_started_at } = sweep;
      const startedAtMs = this.#startedAtMs.get(id) ?? Number.NEGATIVE_INFINITY;
      if (workflow_started_at !== null && performance.now() - startedAtMs < START_AGAIN_AFTER_MS) continue;
      await this.#orchestration.startSweep(sweep);
      this.#startedAtMs.set(id, performance.now());
      await Sweep.update(
        { workflow_started_at: new Date() },
        { where: { id, workflow_started_at: null }, silent: true },
      );
    }
    const open = new Set(sweeps.map(({ id }) => id));
    for (const id of this.#startedAtMs.keys()) if (!open.has(id)) this.#startedAtMs.delete(id);
  }
}
