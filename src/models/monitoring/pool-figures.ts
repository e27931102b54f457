import { QueryTypes } from 'sequelize';
import type { Machine } from '../../platform/machine.ts';
import { AWAY_MS } from '../pool/host.ts';
import type { WorkerStatus } from '../pool/worker-statuses.ts';
import { connection } from '../runs/run.ts';

/** Agents that have not reported for so long are forgotten: their machine has another name now, or is gone. */
const FORGOTTEN_AFTER = '1 day';

/** How many workers of a host and device are in a status. Those whose host is away are `error`, as everywhere. */
export interface PresentWorkers {
  host: string;
  /** Null until its process is started. */
  device: string | null;
  status: WorkerStatus;
  workers: number;
  /** How many of them are to run. */
  wanted: number;
}

export interface HostFigures {
  name: string;
  isUp: boolean;
  /** Null of agents from before they told it. */
  memory: Machine | null;
}

/** Workers that are to run, or whose process is there. Rows of those that ended stay, and are not read. */
export async function presentWorkers(): Promise<PresentWorkers[]> {
  return await connection().query<PresentWorkers>(
    `SELECT host, device, status, count(*)::int AS workers, (count(*) FILTER (WHERE desired = 'running'))::int AS wanted
     FROM workers WHERE desired = 'running' OR pid IS NOT NULL GROUP BY host, device, status`,
    { type: QueryTypes.SELECT },
  );
}

export async function hostFigures(): Promise<HostFigures[]> {
  return await connection().query<HostFigures>(
    `SELECT name, heartbeat_at > now() - interval '${AWAY_MS} milliseconds' AS "isUp", memory FROM hosts
     WHERE heartbeat_at > now() - interval '${FORGOTTEN_AFTER}'`,
    { type: QueryTypes.SELECT },
  );
}
