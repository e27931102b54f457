import assert from 'node:assert/strict';
import { QueryTypes } from 'sequelize';
import { connection } from '../../../src/models/runs/run.ts';
import { readMetrics } from '../../../src/models/runs/run-stream.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { rowsRead } from '../../support/rows-read.ts';
import { buildRun } from '../../support/runs.ts';

const STEPS = 200_000;
const POINTS = 500;
/** Places in what a point stands for where a held-out loss may be: at its beginning, in the middle, at its end. */
const EVAL_EVERY = 1_234;

describe('the loss curve of a long run', function () {
  this.timeout(120_000);
  let database: TestDatabase;
  let runId: number;

  before(async () => {
    database = await startTestDatabase();
    runId = (await buildRun(database)).id;
    await connection().query(
      `INSERT INTO run_metrics (run_id, step, epoch, loss, eval_loss, device)
       SELECT ${runId}, step, step::float8 / ${STEPS}, step, CASE WHEN step % ${EVAL_EVERY} = 0 THEN -step END, '{"utilization_percent": 97}'
       FROM generate_series(1, ${STEPS}) AS step`,
      { type: QueryTypes.RAW },
    );
  });
  after(() => database?.remove());

  it('is read by its key, a few rows for each point', async () => {
    // Before, all steps of the run were read and numbered. Take LIMIT out of readMetrics (src/models/runs/run-stream.ts), and they are again.
    await connection().query('VACUUM (ANALYZE) run_metrics');
    const { result, read } = await rowsRead('run_metrics', () => readMetrics(runId, POINTS));
    assert.equal(read.scans, 0);
    assert.ok(read.rows <= 110 * POINTS, `${read.rows} rows were read`);
    assert.deepEqual([result.steps, result.points.length], [STEPS, POINTS]);
  });

  it('has so many points, evenly, up to the last step, and each held-out loss', async () => {
    // Ask for eval_loss among the last steps of a point alone, and those that were measured before are missing.
    const { points } = await readMetrics(runId, POINTS);
    assert.deepEqual(
      points.map(({ step }) => step),
      Array.from({ length: POINTS }, (_, n) => ((n + 1) * STEPS) / POINTS),
    );
    const evals = points.flatMap(({ eval_loss }) => (eval_loss === null ? [] : [-eval_loss]));
    assert.deepEqual(
      evals,
      Array.from({ length: Math.floor(STEPS / EVAL_EVERY) }, (_, n) => (n + 1) * EVAL_EVERY),
    );
  });

  it('is every step where there are not more than points', async () => {
    const short = (await buildRun(database)).id;
    await connection().query(
      `INSERT INTO run_metrics (run_id, step, epoch, loss) SELECT ${short}, step, 1, step FROM generate_series(1, 7) AS step`,
    );
    const { steps, points } = await readMetrics(short, POINTS);
    assert.equal(steps, 7);
    assert.deepEqual(
      points.map(({ step, loss }) => [step, loss]),
      [1, 2, 3, 4, 5, 6, 7].map((step) => [step, step]),
    );
  });
});
