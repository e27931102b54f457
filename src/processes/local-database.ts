import { connectModels } from '../models/database.ts';
import { migrate } from '../models/migrate.ts';
import { requireNoLaterSchema } from '../models/schema.ts';
import type { Env } from '../platform/env.ts';
import { databaseOfHome } from './database-of-home.ts';

/** Does something in the database of this MTM_HOME, past the API: for whoever has the machine. */
export async function inLocalDatabase<T>(env: Env, work: () => Promise<T>): Promise<T> {
  const database = await databaseOfHome(env);
  try {
    if (!database.isRunning) await migrate(database.url);
    const sequelize = connectModels(database.url);
    try {
      await requireNoLaterSchema(sequelize);
      return await work();
    } finally {
      await sequelize.close();
    }
  } finally {
    await database.close();
  }
}
