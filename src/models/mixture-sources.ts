import { type DataProcessOptions, inDataProcess } from '../datasets/data-process.ts';
import { DatasetError } from '../datasets/dataset-error.ts';
import type { MixtureSource } from '../datasets/mix.ts';
import type { RowFilters } from '../datasets/trainable-rows.ts';
import { Dataset } from './dataset.ts';

/** A dataset of a mixture, and what the data engine is told of it. */
export interface FoundSource {
  dataset: Dataset;
  source: MixtureSource;
}

/** The datasets of a mixture, in the order of its shares. @throws DatasetError when one is gone, or has no mapping */
export async function findSources(
  shares: { dataset_id: number; filters?: RowFilters | undefined }[],
): Promise<FoundSource[]> {
  const datasets = await Dataset.findAll({ where: { id: shares.map(({ dataset_id }) => dataset_id) } });
  return shares.map(({ dataset_id, filters }) => {
    const dataset = datasets.find(({ id }) => id === dataset_id);
    if (!dataset?.mapping)
      throw new DatasetError(`Dataset ${dataset_id} is not there, or has no mapping. Upload it again with a mapping.`);
    const { id, parquet_path: parquetPath, source_sha256, sha256, mapping } = dataset;
    return { dataset, source: { id, parquetPath, sha256: source_sha256 ?? sha256, mapping, filters } };
  });
}

/**
 * By dataset, how many of its rows may be chosen. The data itself is looked at only where something is filtered, or
 * where the rows were counted by an earlier version, whose idea of what is usable may have been another one.
 */
export async function countRowsToChoose(
  found: FoundSource[],
  options: DataProcessOptions = {},
): Promise<Map<number, number>> {
  const counts = new Map(found.map(({ dataset }) => [dataset.id, dataset.usable_row_count]));
  const sources = found
    .filter(({ dataset, source }) => Object.keys(source.filters ?? {}).length > 0 || dataset.source_sha256 === null)
    .map(({ source }) => source);
  if (sources.length === 0) return counts;
  const counted = await inDataProcess('countTrainableRows', { sources }, options);
  for (const [i, { id }] of sources.entries()) counts.set(id, counted[i] ?? 0);
  return counts;
}
