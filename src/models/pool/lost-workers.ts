import { QueryTypes } from 'sequelize';
import { connection } from '../runs/run.ts';
import { isDrained } from './drained.ts';
import { AWAY_MS } from './host.ts';

/**
 * Shows the workers of hosts that are away as `error`, with the reason; until the host is back they count for nothing. A
 * worker that itself still reports is not lost: its agent is, and it trains on. Doing it again changes nothing.
 * @returns the ids of those that were found lost now
 */
export async function markLostWorkers(): Promise<string[]> {
  const rows = await connection().query<{ id: string }>(
    `UPDATE workers SET status = 'error', current_run_id = NULL, lost_at = hosts.heartbeat_at,
       reason = 'Host ' || host || ' has not reported since ' || to_char(hosts.heartbeat_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')
         || ' UTC. What this worker was training goes on elsewhere; it is looked after again when its host is back.'
     FROM hosts
     -- One that is drained counts for nothing anyway, and its host may well be switched off.
     WHERE hosts.name = host AND lost_at IS NULL AND NOT (pid IS NULL AND ${isDrained('workers')}) AND (desired = 'running' OR pid IS NOT NULL)
       AND hosts.heartbeat_at < now() - interval '${AWAY_MS} milliseconds'
       AND (pid IS NULL OR coalesce(workers.heartbeat_at, workers.started_at) < now() - interval '${AWAY_MS} milliseconds')
     RETURNING id`,
    { type: QueryTypes.SELECT },
  );
  return rows.map(({ id }) => id);
}
