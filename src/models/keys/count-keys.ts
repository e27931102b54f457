import { QueryTypes } from 'sequelize';
import { sequelizeFor } from '../../platform/postgres/sequelize.ts';

/** How many keys were made and not revoked, of a database to which no models are connected. */
export async function countLiveKeys(databaseUrl: string): Promise<number> {
  const sequelize = sequelizeFor(databaseUrl, { pool: { max: 1 } });
  try {
    const [row] = await sequelize.query<{ count: number }>(
      'SELECT count(*)::integer AS count FROM api_keys WHERE revoked_at IS NULL',
      { type: QueryTypes.SELECT },
    );
    return row?.count ?? 0;
  } finally {
    await sequelize.close();
  }
}
