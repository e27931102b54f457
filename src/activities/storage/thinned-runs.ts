import { QueryTypes, type Transaction } from 'sequelize';
import { connection, Run } from '../../models/runs/run.ts';
import { RunEvent } from '../../models/runs/run-event.ts';
import { planThinEvents, thinEvents } from '../../models/runs/thin-events.ts';
import { KEPT_WHOLE, markThinned, planThinSteps, type ThinnedRows, thinSteps } from '../../models/runs/thin-steps.ts';
import type { Held, Kind } from './kind.ts';
import { oldestFirst } from './oldest-first.ts';
import { BY_END, type EndedRow, lockRun, PINNED_CASES } from './run-checkpoints.ts';

/** About what a row takes, for forecasts: to know it, all of them would be read. */
const STEP_BYTES = 150;
const EVENT_BYTES = 250;

/** What is thinned of runs that have ended, each run once. */
interface Thinned {
  name: Kind['name'];
  title: string;
  /** Of `run`, as SQL: whether it still has it, about how many bytes, and what else than PINNED_CASES keeps it. */
  has: string;
  bytes: string;
  pinned?: string;
  plan(runId: number): Promise<ThinnedRows>;
  /** Commits with the decision that it is thinned. */
  mark(runId: number, transaction: Transaction): Promise<void>;
  /** What people read about it among the run's events. */
  told: string;
  thin(runId: number): Promise<ThinnedRows>;
}

export const runMetrics = thinned({
  name: 'run_metrics',
  title: 'steps that a thinned curve needs no more, of',
  has: `run.steps_thinned_at IS NULL AND run.current_step > ${KEPT_WHOLE}`,
  bytes: `run.current_step::int8 * ${STEP_BYTES}`,
  pinned: `WHEN EXISTS (SELECT 1 FROM tracker_deliveries WHERE run_id = run.id AND status = 'open') THEN 'a tracker does not have all of it yet'
    WHEN run.status = 'completed' AND EXISTS (SELECT 1 FROM openai_jobs WHERE job_id = run.job_id AND result_written_at IS NULL)
      THEN 'the result file of its fine-tuning job was not asked for yet'`,
  plan: planThinSteps,
  mark: markThinned,
  told: 'Its curves are thinned: single steps between the extremes, the held-out losses and the checkpoints are',
  thin: thinSteps,
});

export const runEvents = thinned({
  name: 'run_events',
  title: 'events that only told how far it was, of',
  // A worker had it: before, nobody tells how far it is.
  has: 'run.events_thinned_at IS NULL AND run.started_at IS NOT NULL',
  bytes: `(SELECT count(*) * ${EVENT_BYTES} FROM run_events WHERE run_id = run.id AND kind IN ('log', 'spans'))`,
  plan: planThinEvents,
  mark: async (id, transaction) => {
    await Run.update({ events_thinned_at: new Date() }, { where: { id }, silent: true, transaction });
  },
  told: 'Events that only told how far it was are',
  thin: thinEvents,
});

function thinned({ name, title, has, bytes, pinned = '', plan, mark, told, thin }: Thinned): Kind {
  const read = async (where: string, bind: object, transaction: Transaction | null): Promise<EndedRow[]> =>
    await connection().query<EndedRow>(
      `SELECT run.id, run.workflow_id, run.finished_at, run.finished_at::text AS place, ${bytes}::int8 AS bytes,
         CASE ${PINNED_CASES} ${pinned} END AS pinned
       FROM runs AS run WHERE run.finished_at IS NOT NULL AND ${has} AND ${where}`,
      { bind: { ...bind }, transaction, type: QueryTypes.SELECT },
    );
  const heldOf = (row: EndedRow): Held => ({
    thing: String(row.id),
    name: `${title} ${row.workflow_id}`,
    run_id: row.id,
    bytes: row.bytes,
    since: row.finished_at,
    pinned: row.pinned,
  });
  return {
    name,
    async *held(_env, before) {
      for await (const row of oldestFirst(BY_END, before, (where, bind) => read(where, bind, null))) yield heldOf(row);
    },
    size: async (_env, thing) => (await plan(Number(thing))).bytes,
    async look(_env, thing, transaction) {
      const id = Number(thing);
      if (!(await lockRun(id, transaction))) return null;
      const [row] = await read('run.id = $id', { id }, transaction);
      return row ? heldOf(row) : null;
    },
    async release(_env, thing, why, transaction) {
      const id = Number(thing);
      await mark(id, transaction);
      const data = { message: `${told} ${why}.` };
      await RunEvent.create({ run_id: id, kind: 'thinned', data }, { transaction });
    },
    async remove(_env, { thing }) {
      await thin(Number(thing));
      return null;
    },
  };
}
