import { QueryTypes, type Transaction } from 'sequelize';
import { Export } from '../../models/exports/export.ts';
import { connection, Run } from '../../models/runs/run.ts';
import { RunFolder } from '../../runs/run-folder.ts';
import type { Held, Kind } from './kind.ts';
import { lockRun } from './run-checkpoints.ts';

const EXPORTS_AT_ONCE = 200;

interface Row {
  id: number;
  run_id: number;
  name: string;
  finished_at: Date;
  bytes: number;
  pinned: string | null;
}

const READ = `SELECT export.id, export.run_id, export.finished_at,
    export.format || coalesce(' ' || export.quantization, '') || ' of ' || run.workflow_id AS name,
    (SELECT coalesce(sum((file->>'bytes')::bigint), 0)::bigint FROM jsonb_array_elements(export.files) AS file) AS bytes,
    CASE WHEN export.pinned THEN 'somebody pinned it'
      WHEN run.pinned THEN 'somebody pinned the run'
      WHEN EXISTS (SELECT 1 FROM promotions WHERE run_id = run.id) THEN 'its run is or was the latest version'
      WHEN NOT EXISTS (SELECT 1 FROM runs AS later WHERE later.status = 'completed' AND later.number > run.number
        AND (later.job_id = run.job_id OR later.project_id = run.project_id)) THEN 'its run is the newest that completed'
    END AS pinned
  FROM exports AS export JOIN runs AS run ON run.id = export.run_id
  WHERE export.status = 'completed' AND export.format <> 'hub'`;

/** What was made of a model that others have taken the place of; it can be made again. */
export const oldExports: Kind = {
  name: 'exports',
  async *held() {
    for (let after = 0; ; ) {
      const rows = await read(`export.id > $after ORDER BY export.id LIMIT ${EXPORTS_AT_ONCE}`, { after }, null);
      for (const row of rows) yield heldOf(row);
      const last = rows.at(-1);
      if (!last || rows.length < EXPORTS_AT_ONCE) return;
      after = last.id;
    }
  },
  async look(_env, thing, transaction) {
    const made = await Export.findByPk(Number(thing), { transaction });
    if (!made || !(await lockRun(made.run_id, transaction))) return null;
    await Export.findByPk(made.id, { transaction, lock: true });
    const [row] = await read('export.id = $id', { id: made.id }, transaction);
    return row ? heldOf(row) : null;
  },
  async release(_env, thing, _why, transaction) {
    await Export.destroy({ where: { id: Number(thing) }, transaction });
  },
  async remove(env, { thing, run_id }) {
    const run = run_id === null ? null : await Run.findByPk(run_id);
    if (run) await new RunFolder(env, run).removeExport(Number(thing));
    return null;
  },
};

async function read(where: string, bind: object, transaction: Transaction | null): Promise<Row[]> {
  return await connection().query<Row>(`${READ} AND ${where}`, {
    bind: { ...bind },
    transaction,
    type: QueryTypes.SELECT,
  });
}

function heldOf({ id, run_id, name, finished_at, bytes, pinned }: Row): Held {
  return { thing: String(id), name, run_id, bytes, since: finished_at, pinned };
}
