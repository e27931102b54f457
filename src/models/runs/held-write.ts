import { QueryTypes } from 'sequelize';
import type { Lease } from './lease.ts';
import { connection } from './run.ts';

/**
 * What is written for a run that a worker has reaches the database only through this: it holds only while the lease is the
 * latest. The lock lets an end of the run, or another claim, that is being written come first: nothing is written after it
 * that was asked before.
 */
export const HELD =
  "EXISTS (SELECT 1 FROM runs WHERE id = $runId AND lease_epoch = $epoch AND status = 'running' FOR SHARE)";

/** What HELD needs to be given. */
export function bindOf(lease: Lease) {
  return { runId: lease.runId, epoch: lease.epoch };
}

/** False when nothing was written: the lease is not the latest, or what `sql` looks for is not there. */
export async function write(sql: string, bind: Record<string, unknown>): Promise<boolean> {
  const sequelize = connection();
  const [rows] = await sequelize.query(`${sql} RETURNING 1`, { bind, type: QueryTypes.RAW });
  return Array.isArray(rows) && rows.length > 0;
}
