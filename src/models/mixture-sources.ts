import type { MixtureSource } from '../datasets/chosen-rows.ts';
import { DatasetError } from '../datasets/dataset-error.ts';
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
