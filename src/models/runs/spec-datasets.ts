import type { Transaction } from 'sequelize';
import { Dataset } from '../datasets/dataset.ts';
import type { DatasetAsOf } from './run-spec.ts';

/**
 * The datasets as they are now, for the spec of a run: what it is accepted with is what it trains on, whatever becomes of
 * their mappings. A change that is under way is waited for. One that is not there is left out.
 */
export async function datasetsAsTheyAre(ids: number[], transaction: Transaction): Promise<Map<number, DatasetAsOf>> {
  const found = await Dataset.findAll({
    where: { id: ids },
    attributes: ['id', 'name', 'mapping', 'sha256', 'source_sha256'],
    // In the order of their ids: two that lock several never wait for each other.
    order: ['id'],
    lock: transaction.LOCK.SHARE,
    transaction,
  });
  return new Map(found.map((dataset) => [dataset.id, datasetAsOf(dataset)]));
}

export function datasetAsOf({ name, mapping, sha256, source_sha256 }: DatasetAsOf): DatasetAsOf {
  return { name, mapping, sha256, source_sha256 };
}
