import { useQueries } from '@tanstack/react-query';
import { datasetQuery } from '../../api/datasets.ts';

/** The names of datasets, by their ids; without those that are gone. */
export function useDatasetNames(ids: number[]): Map<number, string> {
  const answers = useQueries({ queries: [...new Set(ids)].map((id) => datasetQuery(id)) });
  return new Map(answers.flatMap(({ data }) => (data === undefined ? [] : [[data.id, data.name] as const])));
}
