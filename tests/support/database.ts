import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Sequelize } from 'sequelize';
import { startPostgres } from '../../src/local/postgres.ts';
import { connectModels } from '../../src/models/database.ts';
import { Dataset } from '../../src/models/dataset.ts';
import { migrate } from '../../src/models/migrate.ts';

export interface TestDatabase {
  sequelize: Sequelize;
  url: string;
  home: string;
  /** Ends the server at once, and starts it again on the same port with what it had. */
  stop(): Promise<void>;
  start(): Promise<void>;
  remove(): Promise<void>;
}

/** A PostgreSQL of a test file's own, with the schema and the models connected to it. */
export async function startTestDatabase(): Promise<TestDatabase> {
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
