import type { Transaction } from 'sequelize';
import { Dataset } from '../../models/datasets/dataset.ts';
import { UserError } from '../../platform/failure.ts';
import type { TrainingType } from '../../trainer/training-types.ts';
import { requireRowsFor } from './require-rows-for.ts';

/** @throws UserError when one of the datasets, which the field names, is not there, or gives nothing that the type learns from. */
export async function requireUsableDatasets(
  ids: number[],
  type: TrainingType,
  transaction: Transaction | null = null,
  field = 'dataset_id',
): Promise<void> {
  const datasets = await Dataset.findAll({
    where: { id: ids },
    attributes: ['id', 'name', 'columns', 'usable_row_count', 'mapping'],
    raw: true,
    transaction,
  });
  for (const id of ids) {
    const dataset = requireUsable(id, datasets.find((one) => one.id === id) ?? null, field);
    requireRowsFor(type, id, dataset);
  }
}

/** @throws UserError when it is not there, or gives no conversation */
export function requireUsable<D extends Pick<Dataset, 'name' | 'columns' | 'usable_row_count'>>(
  id: number,
  dataset: D | null,
  field = 'dataset_id',
): D {
  if (!dataset)
    throw new UserError(`${field} ${id} is no dataset. Upload one with POST /datasets/, or see GET /datasets/.`);
  if (dataset.usable_row_count > 0) return dataset;
  throw new UserError(
    `Dataset ${id} (${dataset.name}) has no row that gives a conversation; its columns are ${dataset.columns.join(', ')}. Upload it again with a mapping that names prompt and answer.`,
  );
}
