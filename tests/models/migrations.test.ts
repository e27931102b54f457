import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { QueryTypes, Sequelize } from 'sequelize';
import { connectModels } from '../../src/models/database.ts';
import { migrate } from '../../src/models/migrate.ts';
import { MIGRATION_NAMES } from '../../src/models/migrations.ts';
import { claimLease } from '../../src/models/runs/lease.ts';
import { setPauseReason } from '../../src/models/runs/pause.ts';
import { Run } from '../../src/models/runs/run.ts';
import { recordEvent, recordSteps } from '../../src/models/runs/run-progress.ts';
import { readStream, STREAM_START } from '../../src/models/runs/run-stream.ts';
import { latestPromotion } from '../../src/models/versions/served-run.ts';
import { type LocalPostgres, startPostgres } from '../../src/platform/postgres/postgres.ts';

/** What a service of the first version had written: a finished, a training, and a waiting run. Columns of 0001 alone. */
const DATA = `
INSERT INTO datasets (name, filename, file_path, parquet_path, file_type, file_size, row_count, usable_row_count, column_count, columns, mapping, sha256, created_at, updated_at)
VALUES ('rows', 'rows.csv', '/u/1', '/d/1', 'csv', 10, 5, 5, 2, '["input","output"]', '{"prompt":"input","completion":"output"}', repeat('0', 64), now(), now());
INSERT INTO jobs (name, dataset_id, training_type, model_name, batch_size, learning_rate, epochs, lora_r, lora_alpha, lora_dropout, hyperparameters, created_at, updated_at)
SELECT 'job ' || n, 1, 'qlora', 'some/model', 4, 0.001, 1, 8, 16, 0, '{}', now(), now() FROM generate_series(1, 2) n;
INSERT INTO projects (name, base_model, training_type, max_rows, output_directory, hyperparameters, created_at, updated_at)
VALUES ('project', 'some/model', 'standard', 100, '/out', '{}', now(), now());
INSERT INTO project_traits (project_id, trait_type) VALUES (1, 'coding');
INSERT INTO trait_datasets (trait_id, project_id, dataset_id, percentage_thousandths) VALUES (1, 1, 1, 100000);
INSERT INTO workers (id, host, desired, status, device, started_at, last_activity_at) VALUES ('worker-1', 'gpu-1', 'running', 'busy', 'cpu', now(), now());
INSERT INTO hosts VALUES ('gpu-1', 42, now(), now());
INSERT INTO runs (job_id, project_id, number, spec, status, phase, progress, current_step, total_steps, lease_epoch, lease_expires_at, worker_id, workflow_id, workflow_started_at, created_at, updated_at, started_at, finished_at)
VALUES
  (1, NULL, 1, '{"training_type":"qlora"}', 'completed', 'finished', 100, 10, 10, 2, NULL, NULL, 'job-1-run-1', now(), now(), now(), now(), now()),
  (2, NULL, 1, '{"training_type":"qlora"}', 'running', 'training', 50, 5, 10, 1, now() - interval '1 hour', 'worker-1', 'job-2-run-1', now(), now(), now(), now(), NULL),
  (NULL, 1, 1, '{"training_type":"standard"}', 'queued', 'waiting_for_worker', 0, 0, NULL, 0, NULL, NULL, 'project-1-run-1', now(), now(), now(), NULL, NULL);
UPDATE jobs SET latest_run_id = id;
UPDATE projects SET latest_run_id = 3;
INSERT INTO run_events (run_id, kind, data) SELECT 2, 'status', jsonb_build_object('status', s) FROM unnest(ARRAY['pending', 'queued', 'running']) s;
INSERT INTO run_metrics (run_id, step, epoch, loss) SELECT 2, step, 0.1 * step, 3 - 0.1 * step FROM generate_series(1, 5) step;
INSERT INTO checkpoints (run_id, lease_epoch, step, epoch, path, manifest_sha256, bytes, state)
VALUES (2, 1, 4, 0.4, '/runs/2/checkpoints/e1/checkpoint-4', repeat('a', 64), 1000, 'complete');
`;

/** Of a second and a third project, whose runs have ended before there were versions; not in the order of their numbers. Columns of 0001 alone. */
const VERSIONS = `
INSERT INTO projects (name, base_model, training_type, max_rows, output_directory, hyperparameters, created_at, updated_at)
SELECT 'project ' || n, 'some/model', 'standard', 100, '/out', '{}', now(), now() FROM generate_series(2, 3) n;
INSERT INTO runs (project_id, number, spec, status, phase, progress, workflow_id, created_at, updated_at, finished_at)
SELECT project, number, '{"training_type":"standard"}', status, 'finished', 100, 'project-' || project || '-run-' || number, now(), now(), ended::timestamptz
FROM (VALUES
  (3, 1, 'completed', '2026-01-01 00:00Z'), (2, 3, 'completed', '2026-01-02 00:00Z'), (2, 2, 'cancelled', '2026-01-02 00:00Z'), (2, 1, 'completed', '2026-01-03 00:00Z')
) AS ended (project, number, status, ended);
`;

const TABLES = [
  'datasets',
  'jobs',
  'projects',
  'project_traits',
  'trait_datasets',
  'training_config',
  'workers',
  'hosts',
  'runs',
  'run_events',
  'run_metrics',
  'checkpoints',
];

describe('an update of the schema', function () {
  this.timeout(120_000);
  let home: string;
  let postgres: LocalPostgres;

  before(async () => {
    home = await mkdtemp(join(tmpdir(), 'mtm-test-'));
    postgres = await startPostgres({ home, port: 0 });
  });
  after(async () => {
    await postgres?.stop();
    await rm(home, { recursive: true, force: true });
  });

  /** A database of its own with the schema as it was after `name`, and with data in it. */
  async function databaseAt(name: string, place: number): Promise<string> {
    const admin = new Sequelize(postgres.url, { logging: false });
    await admin.query(`CREATE DATABASE before_${place}`);
    await admin.close();
    const url = new URL(postgres.url);
    url.pathname = `/before_${place}`;
    await migrate(url.href, name);
    return url.href;
  }

  /** Every row, with the columns that `as` lists (by default those that there are). */
  async function contentOf(sequelize: Sequelize, as?: Record<string, string[]>) {
    const content: Record<string, Record<string, unknown>[]> = {};
    for (const table of TABLES) {
      const rows = await sequelize.query<Record<string, unknown>>(`SELECT * FROM ${table}`, {
        type: QueryTypes.SELECT,
      });
      const columns = as?.[table];
      content[table] = rows
        .map((row) => Object.fromEntries(Object.entries(row).filter(([name]) => !columns || columns.includes(name))))
        .sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)));
    }
    return content;
  }

  // From each schema that there was, also those between: an update may come after several versions.
  for (const [place, name] of MIGRATION_NAMES.slice(0, -1).entries()) {
    it(`from ${name} keeps every row, and runs go on`, async () => {
      // Put "DELETE FROM run_metrics;" or "UPDATE runs SET lease_epoch = 0;" into the last migration and this fails.
      const url = await databaseAt(name, place);
      const older = new Sequelize(url, { logging: false });
      await older.query(DATA);
      const before = await contentOf(older);
      await older.close();

      assert.deepEqual(await migrate(url), MIGRATION_NAMES.slice(place + 1));
      const sequelize = connectModels(url);
      try {
        const columns = Object.fromEntries(TABLES.map((table) => [table, Object.keys(before[table]?.[0] ?? {})]));
        assert.deepEqual(await contentOf(sequelize, columns), before);

        // The run that trained is taken over by a worker, which writes what it has always written.
        const claimed = await claimLease(2, 'worker-2', 60_000, 'loading');
        assert.ok(claimed.outcome === 'claimed');
        assert.equal(claimed.lease.epoch, 2);
        const step = {
          type: 'step',
          step: 6,
          epoch: 0.6,
          loss: 2,
          learning_rate: 0.1,
          grad_norm: 1,
          tokens: 5,
          tokens_per_s: 1,
          seconds_left: 1,
          total_steps: 10,
        } as const;
        assert.equal(await recordSteps(claimed.lease, [step]), true);
        assert.equal(await recordEvent(claimed.lease, 'log', { message: 'on' }, 1), true);
        const { entries: stream } = await readStream(2, STREAM_START, 100);
        assert.equal(stream.filter(({ kind }) => kind === 'step').length, 6);
        assert.deepEqual(
          stream.filter(({ kind }) => kind === 'status').map(({ data }) => data.status),
          ['pending', 'queued', 'running', 'queued', 'running'],
        );
        assert.equal((await setPauseReason(3, 'Asked.'))?.pause_reason, 'Asked.');
        assert.equal((await Run.findByPk(3))?.phase, 'paused');
        await assert.rejects(
          sequelize.query(`UPDATE runs SET status = 'running', finished_at = NULL WHERE id = 1`),
          /run 1 is completed and cannot become running/,
        );
      } finally {
        await sequelize.close();
      }
    });
  }

  it('to 0024-gate makes each completed run of a project a version, in order, and the newest the latest', async () => {
    // Leave "status = 'completed'" out of 0024-gate, order its promotions by id, or leave PARTITION BY out there, and this fails.
    const url = await databaseAt('0023-sweeps', MIGRATION_NAMES.length);
    const older = new Sequelize(url, { logging: false });
    await older.query(DATA);
    await older.query(VERSIONS);
    await older.close();
    await migrate(url);
    const sequelize = connectModels(url);
    try {
      const promotions = await sequelize.query(
        `SELECT promotions.project_id, runs.number, promotions.how, promotions.reason, earlier_run.number AS returns_to, promotions.created_at, promotions.linked_at
         FROM promotions JOIN runs ON runs.id = promotions.run_id
         LEFT JOIN promotions AS earlier ON earlier.id = promotions.returns_to_id
         LEFT JOIN runs AS earlier_run ON earlier_run.id = earlier.run_id
         ORDER BY promotions.id`,
        { type: QueryTypes.SELECT },
      );
      const version = (project_id: number, number: number, returns_to: number | null, day: number) => {
        const at = new Date(Date.UTC(2026, 0, day));
        return { project_id, number, how: 'completed', reason: null, returns_to, created_at: at, linked_at: at };
      };
      assert.deepEqual(promotions, [version(2, 1, null, 3), version(2, 3, 1, 2), version(3, 1, null, 1)]);
      assert.equal((await latestPromotion(2))?.run?.number, 3);
      assert.equal((await latestPromotion(1))?.run, undefined, 'no run of it has completed');
    } finally {
      await sequelize.close();
    }
  });

  it('that is already there changes nothing', async () => {
    assert.deepEqual(await migrate(postgres.url), MIGRATION_NAMES);
    assert.deepEqual(await migrate(postgres.url), []);
  });
});
