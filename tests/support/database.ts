import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Sequelize } from 'sequelize';
import { connectModels } from '../../src/models/database.ts';
import { Dataset } from '../../src/models/datasets/dataset.ts';
import { migrate } from '../../src/models/migrate.ts';
import { startPostgres } from '../../src/platform/postgres/postgres.ts';
import { createDatabase, sharedServers } from './shared-servers.ts';

export interface TestDatabase {
  sequelize: Sequelize;
  url: string;
  home: string;
  remove(): Promise<void>;
}

/** One whose server can be ended at once, and started again on the same port with what it had. */
export interface StoppableDatabase extends TestDatabase {
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** A database of a test file's own, with the schema and the models connected to it. */
export async function startTestDatabase(): Promise<TestDatabase> {
  const shared = sharedServers();
  if (!shared) return await startStoppableDatabase();
  const home = await mkdtemp(join(tmpdir(), 'mtm-test-'));
  const { url, drop } = await createDatabase(shared);
  const sequelize = connectModels(url);
  return {
    sequelize,
    url,
    home,
    remove: async () => {
      await sequelize.close();
      await drop();
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** The same on a PostgreSQL of its own. */
export async function startStoppableDatabase(): Promise<StoppableDatabase> {
  const home = await mkdtemp(join(tmpdir(), 'mtm-test-'));
  let postgres = await startPostgres({ home, port: 0 });
  const { port } = postgres;
  await migrate(postgres.url);
  const sequelize = connectModels(postgres.url);
  return {
    sequelize,
    url: postgres.url,
    home,
    stop: () => postgres.stop(),
    start: async () => {
      postgres = await startPostgres({ home, port });
    },
    remove: async () => {
      await sequelize.close();
      await postgres.stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}

let datasets = 0;

/** A dataset's row, without its files. */
export async function buildDataset(rows = 100): Promise<Dataset> {
  const n = datasets++;
  return await Dataset.create({
    name: `dataset ${n}`,
    description: null,
    filename: 'rows.csv',
    file_path: `/uploads/${n}.csv`,
    parquet_path: `/datasets/${n}.parquet`,
    file_type: 'csv',
    file_size: 1,
    row_count: rows,
    usable_row_count: rows,
    column_count: 2,
    columns: ['input', 'output'],
    mapping: { prompt: 'input', completion: 'output' },
    sha256: '0'.repeat(64),
  });
}
