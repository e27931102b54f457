import { Op, QueryTypes } from 'sequelize';
import { DeletedRun } from '../../models/runs/deleted-run.ts';
import { connection } from '../../models/runs/run.ts';
import { RunFolder } from '../../runs/run-folder.ts';
import { runStoreOf } from '../../runs/run-store.ts';
import type { Held, Kind } from './kind.ts';

/** No statement takes long, however much a run left. */
const ROWS_AT_ONCE = 20_000;
const RUNS_AT_ONCE = 200;

/** Their rows are gone, so nobody finds what is left of them but this list. */
export const deletedRuns: Kind = {
  name: 'deleted_runs',
  async *held() {
    for (let after = 0; ; ) {
      const rows = await DeletedRun.findAll({ where: { id: { [Op.gt]: after } }, order: ['id'], limit: RUNS_AT_ONCE });
      for (const row of rows) yield heldOf(row);
      const last = rows.at(-1);
      if (!last || rows.length < RUNS_AT_ONCE) return;
      after = last.id;
    }
  },
  async look(_env, thing, transaction) {
    const found = await DeletedRun.findByPk(Number(thing), { transaction });
    return found && heldOf(found);
  },
  async remove(env, { thing }) {
    const deleted = await DeletedRun.findByPk(Number(thing));
    if (!deleted) return null;
    for (const table of ['run_metrics', 'run_events']) await deleteInBatches(table, deleted.id);
    await new RunFolder(env, deleted.placed()).remove();
    await runStoreOf(env, deleted.placed())?.remove();
    await deleted.destroy();
    return null;
  },
};

function heldOf({ id, workflow_id, deleted_at }: DeletedRun): Held {
  const name = `what ${workflow_id} left, which was deleted`;
  return { thing: String(id), name, run_id: id, bytes: null, since: deleted_at, pinned: null };
}

async function deleteInBatches(table: string, runId: number): Promise<void> {
  for (;;) {
    const [rows] = await connection().query<{ n: number }>(
      `WITH gone AS (DELETE FROM ${table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM ${table} WHERE run_id = $runId LIMIT ${ROWS_AT_ONCE})) RETURNING 1)
       SELECT count(*)::int AS n FROM gone`,
      { bind: { runId }, type: QueryTypes.SELECT },
    );
    if ((rows?.n ?? 0) < ROWS_AT_ONCE) return;
  }
}
