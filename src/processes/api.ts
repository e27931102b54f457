import { once } from 'node:events';
import { listen } from '../api/http/http-server.ts';
import { requireSafeAddress } from '../api/http/safe-address.ts';
import { modelsInMemory } from '../api/models-in-memory.ts';
import { createApi } from '../api/server.ts';
import { tidyDeletedModels } from '../commands/base-models/delete-model.ts';
import { makeFolders } from '../commands/datasets/storage.ts';
import { sweepFiles } from '../commands/datasets/sweep.ts';
import { deleteExpiredFiles } from '../commands/openai/files.ts';
import { tidyUploads } from '../commands/openai/uploads.ts';
import { connectOrchestration } from '../commands/workflows/client.ts';
import { connectModels } from '../models/database.ts';
import { ApiKey } from '../models/keys/api-key.ts';
import { keepToSchema } from '../models/schema.ts';
import type { Env } from '../platform/env.ts';
import { takeConnections, takeListener } from '../platform/handed-listener.ts';
import { createLogger } from '../platform/logger.ts';
import { isDatabaseAway } from '../platform/postgres/database-away.ts';
import { requireDatabaseUrl } from '../platform/postgres/database-url.ts';
import { runUntilStopped } from '../platform/process-lifecycle.ts';
import { startTracing } from '../platform/tracing.ts';

const DRAIN_MS = 2_000;
const TIDY_UP_EVERY_MS = 600_000;
/** A person waits for it, for ten seconds at most. */
const STATEMENT_TIMEOUT_MS = 8_000;

/** While the database is away nobody knows: the guard lets nobody in then who has no key (src/api/http/guard.ts). */
async function countKeys(): Promise<number> {
  try {
    return await ApiKey.count({ where: { revoked_at: null } });
  } catch (error) {
    if (isDatabaseAway(error)) return 1;
    throw error;
  }
}

/** The process that answers HTTP. It starts, and answers, also while the database or Temporal is away. */
export async function main(env: Env): Promise<void> {
  const logger = createLogger('api', env.logLevel);
  const endTracing = await startTracing(env, 'api', (sentence) => logger.warn(sentence));
  const sequelize = connectModels(requireDatabaseUrl(env), { statementTimeoutMs: STATEMENT_TIMEOUT_MS });
  await keepToSchema(sequelize, (sentence) => logger.error(sentence));
  await requireSafeAddress(env, countKeys);
  const orchestration = connectOrchestration(env);
  await makeFolders(env);
  const { bundles, models, close: closeModels } = modelsInMemory(env, (sentence) => logger.info(sentence));
  const server = await listen(
    createApi({ env, orchestration, logger, sequelize, bundles, models }),
    (await takeListener()) ?? { port: env.port, host: env.host },
  );
  takeConnections(server);
  // A database that is away now is there at the next time.
  const tidyUp = () =>
    void Promise.all([sweepFiles(env), deleteExpiredFiles(env), tidyUploads(env), tidyDeletedModels(env)]).catch(
      () => {},
    );
  const tidying = setInterval(tidyUp, TIDY_UP_EVERY_MS);
  tidyUp();
  const address = server.address();
  await runUntilStopped({
    ...(typeof address === 'object' && address ? { port: address.port } : {}),
    stop: async () => {
      clearInterval(tidying);
      const closed = once(server, 'close');
      server.close();
      server.closeIdleConnections();
      const drain = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
      await closed;
      clearTimeout(drain);
      await closeModels();
      await Promise.all([orchestration.close(), sequelize.close(), endTracing()]);
    },
  });
}
