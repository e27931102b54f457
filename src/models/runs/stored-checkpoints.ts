import { QueryTypes } from 'sequelize';
import { bindOf, HELD, write } from './held-write.ts';
import type { Lease } from './lease.ts';
import { connection } from './run.ts';

/** Notes that the store has a checkpoint, as a whole. False when the lease is not the latest. */
export async function recordStored(lease: Lease, saved: { epoch: number; step: number }): Promise<boolean> {
  return await write(
    `UPDATE checkpoints SET stored_at = now() WHERE run_id = $runId AND lease_epoch = $savedBy AND step = $step AND ${HELD}`,
    { ...bindOf(lease), savedBy: saved.epoch, step: saved.step },
  );
}

const WAS_NEVER_STORED =
  'the host that saved it was lost before the store had it, and the run went on elsewhere from an earlier one';

/**
 * Notes of checkpoints that no claim goes on from any more that they do not count: they are on the disk of a host that was lost.
 * @param here those that lie on this host
 * @returns their steps
 */
export async function forgetUnstored(lease: Lease, here: { epoch: number; step: number }[]): Promise<number[]> {
  const rows = await connection().query<{ step: number }>(
    `UPDATE checkpoints SET state = 'pruned', removed_because = $why
     WHERE run_id = $runId AND state = 'complete' AND stored_at IS NULL AND kept_path IS NULL AND lease_epoch < $epoch AND ${HELD}
       AND NOT EXISTS (SELECT 1 FROM jsonb_to_recordset($here::jsonb) AS h(epoch int, step int)
         WHERE h.epoch = checkpoints.lease_epoch AND h.step = checkpoints.step)
     RETURNING step`,
    { bind: { ...bindOf(lease), why: WAS_NEVER_STORED, here: JSON.stringify(here) }, type: QueryTypes.SELECT },
  );
  return rows.map(({ step }) => step).sort((a, b) => a - b);
}
