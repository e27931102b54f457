import { QueryTypes } from 'sequelize';
import { connection } from '../../models/runs/run.ts';

/** A job or project that uses a dataset, to train on it or to validate with it. */
export interface DatasetUser {
  kind: 'job' | 'project';
  id: number;
  name: string;
}

const USERS = `SELECT 'job' AS kind, id, name FROM jobs WHERE dataset_id = $dataset OR validation_dataset_id = $dataset
  UNION ALL SELECT 'project', id, name FROM projects WHERE id IN (SELECT project_id FROM trait_datasets WHERE dataset_id = $dataset)
    OR followed_by @? ('$.traits[*].datasets[*] ? (@.dataset_id == ' || $dataset::int || ')')::jsonpath`;

/** A page of the jobs and projects that use a dataset, jobs first, and how many there are. */
export async function usersOf(
  datasetId: number,
  { limit, offset }: { limit: number; offset: number },
): Promise<{ users: DatasetUser[]; total: number }> {
  const [users, [counted]] = await Promise.all([
    connection().query<DatasetUser>(`${USERS} ORDER BY kind, id LIMIT $limit OFFSET $offset`, {
      bind: { dataset: datasetId, limit, offset },
      type: QueryTypes.SELECT,
    }),
    connection().query<{ total: number }>(`SELECT count(*)::integer AS total FROM (${USERS}) AS users`, {
      bind: { dataset: datasetId },
      type: QueryTypes.SELECT,
    }),
  ]);
  return { users, total: counted?.total ?? 0 };
}
