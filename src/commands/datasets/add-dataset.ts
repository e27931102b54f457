import type { Transaction } from 'sequelize';
import type { Converted } from '../../datasets/convert.ts';
import { Dataset } from '../../models/datasets/dataset.ts';

/** A file that lies at its place, with its Parquet. */
type NewDataset = Pick<
  Dataset,
  'name' | 'description' | 'filename' | 'file_path' | 'parquet_path' | 'file_size' | 'source_sha256'
> & {
  /** What it turned out to be. */
  found: Converted;
};

/** Writes the row of a dataset whose files are on the disk for good. */
export async function addDataset({ found, ...file }: NewDataset, transaction: Transaction): Promise<Dataset> {
  return await Dataset.create(
    {
      ...file,
      file_type: found.kind,
      row_count: found.rowCount,
      usable_row_count: found.usableRowCount,
      unusable: found.unusable,
      unused: found.unused,
      alternatives: found.alternatives,
      notes: found.notes,
      column_count: found.columns.length,
      columns: found.columns,
      mapping: found.mapping,
      sha256: found.sha256,
    },
    { transaction },
  );
}
