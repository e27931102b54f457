import { Op, QueryTypes, type Transaction } from 'sequelize';
import { Checkpoint } from '../../models/runs/checkpoint.ts';
import { connection, Run } from '../../models/runs/run.ts';
import type { RunStatus } from '../../models/runs/statuses.ts';
import { removeKeptCheckpoints } from '../../runs/pinned-checkpoints.ts';
import { RunFolder } from '../../runs/run-folder.ts';
import { runStoreOf } from '../../runs/run-store.ts';
import type { Held, Kind } from './kind.ts';
import { oldestFirst, type TimedRow } from './oldest-first.ts';

/** When runs ended, of `run`. */
export const BY_END = { time: 'run.finished_at', id: 'run.id' };

/** A run that has ended, and what a kind has of it. */
export interface EndedRow extends TimedRow {
  workflow_id: string;
  finished_at: Date;
  bytes: number;
  pinned: string | null;
}

/** Whether a run of this SQL's condition is under way. */
const openRun = (condition: string) =>
  `EXISTS (SELECT 1 FROM runs AS open WHERE open.status IN ('pending', 'queued', 'running') AND ${condition})`;

/** Why what `run` has stays, as cases of SQL. */
export const PINNED_CASES = `
  WHEN run.pinned THEN 'somebody pinned the run'
  WHEN run.workflow_started_at IS NOT NULL AND run.workflow_closed_at IS NULL THEN 'the run is just ending'
  WHEN ${openRun('open.starts_from_run_id = run.id')} THEN 'a run that began from it is under way'
  WHEN run.status <> 'completed' AND ${openRun('(open.job_id = run.job_id OR open.project_id = run.project_id)')} THEN 'a run that may go on from it is under way'
  WHEN EXISTS (SELECT 1 FROM sweeps WHERE sweeps.status IN ('running', 'paused') AND sweeps.id = coalesce(
    (SELECT sweep_id FROM jobs WHERE jobs.id = run.job_id), (SELECT sweep_id FROM projects WHERE projects.id = run.project_id))) THEN 'its sweep is under way'`;

const READ = `SELECT run.id, run.workflow_id, run.finished_at, run.finished_at::text AS place, CASE ${PINNED_CASES} END AS pinned,
    (SELECT coalesce(sum(bytes), 0)::bigint FROM checkpoints WHERE run_id = run.id AND state = 'complete' AND NOT pinned) AS bytes
  FROM runs AS run`;

/** What runs that ended so need only to go on, or until their model is published. */
export function checkpointsOf(name: Kind['name'], statuses: RunStatus[]): Kind {
  return {
    name,
    async *held(_env, before) {
      for (const status of statuses)
        for await (const row of oldestFirst(BY_END, before, (where, bind) =>
          query(`run.status = $status AND ${where}`, { status, ...bind }, null),
        ))
          yield heldOf(row);
      // Nothing of what is due: they are counted.
      if (before === undefined) for (const one of await pinnedOf(statuses)) yield one;
    },
    async look(_env, thing, transaction) {
      const id = Number(thing);
      if (!(await lockRun(id, transaction))) return null;
      const [row] = await query('run.id = $id AND run.status = ANY ($statuses)', { id, statuses }, transaction);
      return row ? heldOf(row) : null;
    },
    async release(_env, thing, removed_because, transaction) {
      const id = Number(thing);
      await Checkpoint.update(
        { state: 'pruned', removed_because },
        { where: { run_id: id, state: 'complete', pinned: false }, transaction },
      );
      await connection().query('UPDATE checkpoints SET path = kept_path WHERE run_id = $id AND pinned', {
        bind: { id },
        transaction,
      });
      await Run.update({ tidied_at: new Date() }, { where: { id }, silent: true, transaction });
    },
    async remove(env, { thing }) {
      const run = await Run.findByPk(Number(thing));
      // Its folder goes with the run where it was deleted.
      if (!run) return null;
      await new RunFolder(env, run).removeWork();
      // Also one that was unpinned since: the next decision is about it.
      const where = { run_id: run.id, state: 'complete', kept_path: { [Op.ne]: null } };
      const needed = await Checkpoint.findAll({ where, attributes: ['kept_path'] });
      await removeKeptCheckpoints(
        env,
        run,
        needed.flatMap(({ kept_path }) => kept_path ?? []),
      );
      await runStoreOf(env, run)?.removeWork();
      return null;
    },
  };
}

async function query(where: string, bind: object, transaction: Transaction | null): Promise<EndedRow[]> {
  const sql = `${READ} WHERE run.tidied_at IS NULL AND ${where}`;
  return await connection().query<EndedRow>(sql, { bind: { ...bind }, transaction, type: QueryTypes.SELECT });
}

function heldOf({ id, workflow_id, finished_at, bytes, pinned }: EndedRow): Held {
  return { thing: String(id), name: `checkpoints of ${workflow_id}`, run_id: id, bytes, since: finished_at, pinned };
}

/** What somebody pinned of runs that ended so, each checkpoint by itself. Nobody decides about one: whatever it is found by is no run. */
async function pinnedOf(statuses: RunStatus[]): Promise<Held[]> {
  const rows = await connection().query<{ id: number; run_id: number; name: string; bytes: number; created_at: Date }>(
    `SELECT one.id, one.run_id, 'checkpoint of step ' || one.step || ' of ' || run.workflow_id AS name, one.bytes, one.created_at
     FROM checkpoints AS one JOIN runs AS run ON run.id = one.run_id
     WHERE one.pinned AND run.status = ANY ($statuses) ORDER BY one.id`,
    { bind: { statuses }, type: QueryTypes.SELECT },
  );
  return rows.map(({ id, run_id, name, bytes, created_at }) => {
    return { thing: `pinned-${id}`, name, run_id, bytes, since: created_at, pinned: 'somebody pinned it' };
  });
}

/**
 * Locks a run, and first what it is of: in the order of whoever starts it again or deletes it. A run that is to begin from this one,
 * a promotion and a pin wait for the lock as well. False: it was deleted.
 */
export async function lockRun(id: number, transaction: Transaction): Promise<boolean> {
  const options = { bind: { id }, transaction, type: QueryTypes.SELECT } as const;
  for (const kind of ['job', 'project'])
    await connection().query(
      `SELECT 1 FROM ${kind}s WHERE id = (SELECT ${kind}_id FROM runs WHERE id = $id) FOR UPDATE`,
      options,
    );
  return (await connection().query('SELECT 1 FROM runs WHERE id = $id FOR UPDATE', options)).length > 0;
}
