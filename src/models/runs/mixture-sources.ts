import type { MixtureSource } from '../../datasets/chosen-tables.ts';
import { DatasetError } from '../../datasets/dataset-error.ts';
import { Dataset } from '../datasets/dataset.ts';
import type { SpecDataset } from './run-spec.ts';

/** A dataset of a mixture for the data engine, and what its file must be. */
export interface FoundSource {
  source: MixtureSource;
  /** Of the file that its rows are read from. */
  parquetSha256: string;
}

/**
 * The datasets of a mixture, in their order: as the run was asked for where the spec says so, else as they are.
 * @throws DatasetError when one is gone, or has no mapping
 */
export async function findSources(wanted: SpecDataset[]): Promise<FoundSource[]> {
  const datasets = await Dataset.findAll({ where: { id: wanted.map(({ dataset_id }) => dataset_id) } });
  return wanted.map(({ dataset_id: id, filters, dataset: asOf }) => {
    const dataset = datasets.find((candidate) => candidate.id === id);
    const { mapping, sha256, source_sha256 } = asOf ?? dataset ?? { mapping: null };
    if (!dataset || !mapping || !sha256)
      throw new DatasetError(`Dataset ${id} is not there, or has no mapping. Upload it again with a mapping.`);
    const source = { id, parquetPath: dataset.parquet_path, sha256: source_sha256 ?? sha256, mapping, filters };
    return { source, parquetSha256: sha256 };
  });
}
