import { Op, QueryTypes } from 'sequelize';
import { connection, Run } from '../models/run.ts';
import { OPEN_STATUSES } from '../models/statuses.ts';
import type { Orchestration } from '../workflows/client.ts';
import { workflowOf } from '../workflows/run-workflow.ts';

/** A file-backed Temporal starts about 25 workflows a second; more at once would only wait there. */
const STARTS_AT_ONCE = 8;
/** Few, so that a rush is seen soon. */
const START_BATCH = 24;
const CANCEL_BATCH = 200;
/** While more runs than this are created in a second, whoever creates them waits for the API: few are started then. */
const RUSH_RUNS_PER_S = 10;
const STARTS_PER_SWEEP_IN_A_RUSH = 1;
/** A cancel that was delivered needs a moment to take effect: do not repeat it at every sweep. */
const REPEAT_CANCEL_AFTER_MS = 10_000;

/**
 * Carries committed rows over to Temporal: starts the workflow of every run that has none, and cancels the workflow of
 * every run that was cancelled. The database is the list of what is to do, so nothing is lost while Temporal or this
 * process is away, and doing it twice changes nothing: workflow ids are fixed.
 */
export class Dispatcher {
  readonly #orchestration: Orchestration;
  readonly #cancelledAtMs = new Map<number, number>();

  constructor(orchestration: Orchestration) {
    this.#orchestration = orchestration;
  }

  /** One pass over all there is to do. Rejects when the database or Temporal is away; what was done stays done. */
  async sweep(): Promise<void> {
    await this.#startPending();
    await this.#cancelCancelled();
  }

  async #startPending(): Promise<void> {
    for (;;) {
      const rush = await isRush();
      const runs = await Run.findAll({
        // One that was paused at once has been started by that, which nobody noted.
        where: { status: OPEN_STATUSES, workflow_started_at: null },
        order: [['id', 'ASC']],
        limit: rush ? STARTS_PER_SWEEP_IN_A_RUSH : START_BATCH,
      });
      const queue = [...runs];
      // All of them end before this does, also when one fails: a sweep leaves nothing under way.
      const lanes = await Promise.allSettled(
        Array.from({ length: STARTS_AT_ONCE }, async () => {
          for (let run = queue.shift(); run; run = queue.shift()) await this.#startOne(run);
        }),
      );
      const failed = lanes.find((lane) => lane.status === 'rejected');
      if (failed) throw failed.reason;
      if (rush || runs.length < START_BATCH) return;
    }
  }

  async #startOne(run: Run): Promise<void> {
    await this.#orchestration.startTraining(workflowOf(run));
    await Run.update(
      { workflow_started_at: new Date() },
      { where: { id: run.id, workflow_started_at: null }, silent: true },
    );
  }

  async #cancelCancelled(): Promise<void> {
    const runs = await Run.findAll({
      where: { status: 'cancelled', workflow_started_at: { [Op.ne]: null }, workflow_closed_at: null },
      attributes: ['id', 'workflow_id'],
      limit: CANCEL_BATCH,
    });
    for (const { id, workflow_id } of runs) {
      if (Date.now() - (this.#cancelledAtMs.get(id) ?? 0) < REPEAT_CANCEL_AFTER_MS) continue;
      const delivered = await this.#orchestration.cancelTraining(workflow_id);
      // One that is there no more is closed by the reconciler, which clears up after it.
      if (delivered) this.#cancelledAtMs.set(id, Date.now());
    }
    const open = new Set(runs.map(({ id }) => id));
    for (const id of this.#cancelledAtMs.keys()) if (!open.has(id)) this.#cancelledAtMs.delete(id);
  }
}

/** Whether the run so many before the newest is younger than a second, by the clock that dated it. */
async function isRush(): Promise<boolean> {
  const [row] = await connection().query<{ young: boolean }>(
    `SELECT created_at > now() - interval '1 second' AS young FROM runs ORDER BY id DESC OFFSET ${RUSH_RUNS_PER_S} LIMIT 1`,
    { type: QueryTypes.SELECT },
  );
  return row?.young === true;
}
