import { QueryTypes, type Transaction } from 'sequelize';
import { connection } from '../runs/run.ts';
import { drainOf, isDrained } from './drained.ts';
import { Host } from './host.ts';
import { type Drain, Worker } from './worker.ts';

/**
 * Hosts and workers that are emptied so that somebody can work on them. A drain is a row, and who takes, starts or ends
 * something reads it: claims of runs (lease.ts), the line (line.ts), the pool's plans, and the agents.
 */

/** The worker that trained the run last, whose model it may validate: it is the end of what it had. */
const lastTrainerOf = (run: string) => `(SELECT data->>'worker_id' FROM run_events
  WHERE run_id = ${run} AND kind = 'status' AND data->>'reason' = 'trained' ORDER BY seq DESC LIMIT 1)`;

/** Whether a drained worker has something to bring to its end, as SQL: a run, or one that it trained and that is to be validated. */
const hasWork = (worker: string) => `(EXISTS (SELECT 1 FROM runs WHERE status = 'running' AND worker_id = ${worker}.id)
  OR EXISTS (SELECT 1 FROM runs WHERE status = 'queued' AND result IS NOT NULL AND validation IS NULL AND phase <> 'publishing'
    AND pause_reason IS NULL AND ${lastTrainerOf('runs.id')} = ${worker}.id))`;

/**
 * Whether a worker may not claim a run, since it is being drained. Until the transaction is over none that begins counts, so
 * that an agent that sees a drain sees also what was claimed before it.
 */
export async function drainForClaim(workerId: string, runId: number, transaction: Transaction): Promise<boolean> {
  const [found] = await connection().query<{ drain: Drain | null; is_its_own: boolean }>(
    `WITH worker AS MATERIALIZED (SELECT id, host, drain FROM workers WHERE id = $workerId FOR SHARE),
       host AS MATERIALIZED (SELECT drain FROM hosts WHERE name = (SELECT host FROM worker) FOR SHARE)
     SELECT greatest(worker.drain, (SELECT drain FROM host)) AS drain,
       EXISTS (SELECT 1 FROM runs WHERE id = $runId AND result IS NOT NULL) AND ${lastTrainerOf('$runId')} = worker.id AS is_its_own
     FROM worker`,
    { bind: { workerId, runId }, type: QueryTypes.SELECT, transaction },
  );
  if (!found || found.drain === null) return false;
  return found.drain === 'move' || found.is_its_own !== true;
}

/** Whether what this worker trains is to go on elsewhere. */
export async function isMovedByDrain(workerId: string): Promise<boolean> {
  const [found] = await connection().query<{ drain: Drain | null }>(
    `SELECT ${drainOf('workers')} AS drain FROM workers WHERE id = $workerId`,
    { bind: { workerId }, type: QueryTypes.SELECT },
  );
  return found?.drain === 'move';
}

/** What is known of a worker that is being drained. */
export interface DrainedWorker {
  id: string;
  host: string;
  /** Whether its process is to end now: it has nothing, or what it has is to go on elsewhere. */
  leaves: boolean;
  /** Alone, and not with its host. */
  is_alone: boolean;
}

/** The wanted workers of a host that are being drained; with `workerId` that one, if it is. */
export async function drainedWorkers(where: { host: string } | { workerId: string }): Promise<DrainedWorker[]> {
  const [column, value] = 'host' in where ? ['host', where.host] : ['id', where.workerId];
  return await connection().query<DrainedWorker>(
    `SELECT id, host, ${drainOf('workers')} = 'move' OR NOT ${hasWork('workers')} AS leaves,
       NOT EXISTS (SELECT 1 FROM hosts WHERE name = host AND hosts.drain IS NOT NULL) AS is_alone
     FROM workers WHERE ${column} = $value AND desired = 'running' AND ${isDrained('workers')}`,
    { bind: { value }, type: QueryTypes.SELECT },
  );
}

/** The names of hosts, and of workers alone, whose drain keeps wanted workers from taking runs. */
export async function drainsOfWanted(): Promise<string[]> {
  const rows = await connection().query<{ sentence: string }>(
    `SELECT DISTINCT CASE WHEN hosts.drain IS NOT NULL THEN 'host ' || hosts.name ELSE 'worker ' || workers.id END AS sentence
     FROM workers LEFT JOIN hosts ON hosts.name = host
     WHERE desired = 'running' AND coalesce(hosts.drain, workers.drain) IS NOT NULL ORDER BY sentence`,
    { type: QueryTypes.SELECT },
  );
  return rows.map(({ sentence }) => sentence);
}

/** Why a worker waits that is being drained, as a sentence. */
export function whyDrained({ id, host, is_alone }: Omit<DrainedWorker, 'leaves'>): string {
  return is_alone
    ? `It is being drained: it takes no run until \`mtm worker undrain ${id}\`.`
    : `Host ${host} is being drained: none of its workers takes a run until \`mtm worker undrain ${host}\`.`;
}

/** Begins to drain a host, or says how otherwise. @returns whether there is such a host */
export async function drainHost(name: string, drain: Drain): Promise<boolean> {
  return (
    (
      await connection().query<{ name: string }>(
        `UPDATE hosts SET drain = $drain, drain_asked_at = coalesce(drain_asked_at, now()) WHERE name = $name RETURNING name`,
        { bind: { name, drain }, type: QueryTypes.SELECT },
      )
    ).length > 0
  );
}

/** The same of a worker that is wanted. */
export async function drainWorker(id: string, drain: Drain): Promise<boolean> {
  return (
    (
      await connection().query<{ id: string }>(
        `UPDATE workers SET drain = $drain, drain_asked_at = coalesce(drain_asked_at, now())
     WHERE id = $id AND desired = 'running' RETURNING id`,
        { bind: { id, drain }, type: QueryTypes.SELECT },
      )
    ).length > 0
  );
}

/** @returns whether it was being drained */
export async function undrainHost(name: string): Promise<boolean> {
  const [count] = await Host.update(
    { drain: null, drain_asked_at: null },
    { where: { name, drain: ['finish', 'move'] } },
  );
  return count > 0;
}

/** @returns whether it was being drained */
export async function undrainWorker(id: string): Promise<boolean> {
  const [count] = await Worker.update(
    { drain: null, drain_asked_at: null },
    { where: { id, drain: ['finish', 'move'] } },
  );
  return count > 0;
}
