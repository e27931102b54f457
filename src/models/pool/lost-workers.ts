import { QueryTypes } from 'sequelize';
import type { WorkerNews } from '../notifications/events.ts';
import { tellOfLostWorker } from '../notifications/tell-of-machine.ts';
import { connection } from '../runs/run.ts';
import { isDrained } from './drained.ts';
import { AWAY_MS } from './host.ts';

/**
 * Shows the workers of hosts that are away as `error`, with the reason, and tells of them; until the host is back they count for nothing.
 * A worker that itself still reports is not lost: its agent is, and it trains on. Doing it again changes nothing.
 * @returns the ids of those that were found lost now
 */
export async function markLostWorkers(): Promise<string[]> {
  return await connection().transaction(async (transaction) => {
    const rows = await connection().query<WorkerNews & { reason: string }>(
      `UPDATE workers SET status = 'error', current_run_id = NULL, lost_at = hosts.heartbeat_at,
         reason = 'Host ' || workers.host || ' has not reported since ' || to_char(hosts.heartbeat_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')
           || ' UTC. What this worker was training goes on elsewhere; it is looked after again when its host is back.'
       FROM hosts, workers AS before
       -- One that is drained counts for nothing anyway, and its host may well be switched off.
       WHERE before.id = workers.id AND hosts.name = workers.host AND workers.lost_at IS NULL
         AND NOT (workers.pid IS NULL AND ${isDrained('workers')})
         AND (workers.desired = 'running' OR workers.pid IS NOT NULL)
         AND hosts.heartbeat_at < now() - interval '${AWAY_MS} milliseconds'
         AND (workers.pid IS NULL OR coalesce(workers.heartbeat_at, workers.started_at) < now() - interval '${AWAY_MS} milliseconds')
       RETURNING workers.id, workers.host, workers.device, before.current_run_id AS run_id, workers.reason`,
      { type: QueryTypes.SELECT, transaction },
    );
    for (const { reason, ...worker } of rows) await tellOfLostWorker(worker, reason, transaction);
    return rows.map(({ id }) => id);
  });
}
