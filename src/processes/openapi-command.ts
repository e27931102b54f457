import { describeApi } from '../api/http/openapi.ts';
import { modelsInMemory } from '../api/models-in-memory.ts';
import { declareEndpoints } from '../api/server.ts';
import { connectOrchestration } from '../commands/workflows/client.ts';
import { connectModels } from '../models/database.ts';
import type { Env } from '../platform/env.ts';
import { createLogger } from '../platform/logger.ts';

/** Prints what the endpoints declare. They are declared as the API does it; nothing that they would use is connected. */
export async function main(env: Env): Promise<void> {
  const logger = createLogger('openapi', env.logLevel);
  const sequelize = connectModels(env.databaseUrl ?? 'postgres://localhost/none');
  const orchestration = connectOrchestration(env);
  const { bundles, models } = modelsInMemory({ ...env, warmTrainers: false }, () => {});
  const document = describeApi(declareEndpoints({ env, orchestration, logger, sequelize, bundles, models }));
  process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  await Promise.all([orchestration.close(), sequelize.close()]);
}
