import { Op } from 'sequelize';
import { Dataset } from '../../models/datasets/dataset.ts';
import type { BigThing } from '../../models/storage/storage-figure.ts';

/** A file or folder among the biggest of what no policy removes. */
export type BigPlace = BigThing & { path: string };

/** What people call files and folders of datasets, models and published results. */
export async function named(what: string, places: BigPlace[]): Promise<BigThing[]> {
  if (what === 'base_models')
    return places.map(({ path: _, ...thing }) => {
      return { ...thing, name: thing.name.replace('models--', '').replace('--', '/') };
    });
  if (what !== 'datasets' && what !== 'uploads') return places.map(({ path: _, ...thing }) => thing);
  const column = what === 'datasets' ? 'parquet_path' : 'file_path';
  const datasets = await Dataset.findAll({
    where: { [column]: { [Op.in]: places.map(({ path }) => path) } },
    attributes: ['id', 'name', column],
  });
  return places.map(({ path, ...thing }) => {
    const dataset = datasets.find((each) => each[column] === path);
    return dataset ? { ...thing, name: dataset.name, dataset_id: dataset.id } : thing;
  });
}
