import { Dataset } from '../../models/datasets/dataset.ts';
import { notFound } from '../../platform/failure.ts';

/** @throws NotFoundError */
export async function findDataset(id: number): Promise<Dataset> {
  const dataset = await Dataset.findByPk(id);
  if (!dataset) throw notFound('Dataset', id);
  return dataset;
}
