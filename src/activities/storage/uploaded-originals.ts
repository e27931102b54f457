import { QueryTypes, type Transaction } from 'sequelize';
import { Dataset } from '../../models/datasets/dataset.ts';
import { connection } from '../../models/runs/run.ts';
import { ifThere, sha256OfFile } from '../../platform/files.ts';
import { removeByTrash } from '../../platform/trash.ts';
import type { Held, Kind } from './kind.ts';
import { oldestFirst, type TimedRow } from './oldest-first.ts';

interface Row extends TimedRow {
  name: string;
  file_size: number;
  created_at: Date;
  original_kept_because: string | null;
}

/** Files as they were uploaded. Trainings, previews and mappings read their Parquet; only a download needs them. */
export const uploadedOriginals: Kind = {
  name: 'uploaded_originals',
  async *held(_env, before) {
    const columns = { time: 'created_at', id: 'id' };
    for await (const row of oldestFirst(columns, before, (where, bind) => read(where, bind, null))) yield heldOf(row);
  },
  async look(_env, thing, transaction) {
    const [row] = await read('id = $id FOR UPDATE', { id: Number(thing) }, transaction);
    return row ? heldOf(row) : null;
  },
  async release(_env, thing, original_removed_because, transaction) {
    await Dataset.update({ original_removed_because }, { where: { id: Number(thing) }, silent: true, transaction });
  },
  async remove(_env, { id: removalId, thing }) {
    const dataset = await Dataset.findByPk(Number(thing));
    // Its files went with it where it was deleted.
    if (!dataset) return null;
    const { id, parquet_path, sha256, file_path } = dataset;
    if ((await ifThere(sha256OfFile(parquet_path))) !== sha256) {
      const kept = 'its Parquet is not as it was made, so its rows may be needed from this file';
      const set = { original_removed_because: null, original_kept_because: kept };
      await Dataset.update(set, { where: { id }, silent: true });
      return kept;
    }
    await removeByTrash(file_path, removalId);
    return null;
  },
};

async function read(where: string, bind: object, transaction: Transaction | null): Promise<Row[]> {
  return await connection().query<Row>(
    `SELECT id, name, file_size, created_at, created_at::text AS place, original_kept_because FROM datasets
     WHERE original_removed_because IS NULL AND ${where}`,
    { bind: { ...bind }, transaction, type: QueryTypes.SELECT },
  );
}

function heldOf({ id, name, file_size, created_at, original_kept_because: pinned }: Row): Held {
  const title = `the file that dataset ${id} (${name}) was uploaded as`;
  return { thing: String(id), name: title, run_id: null, bytes: Number(file_size), since: created_at, pinned };
}
