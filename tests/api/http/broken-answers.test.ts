import assert from 'node:assert/strict';
import { request } from 'node:http';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { captureLog, DEBUG, ERROR } from '../../support/log-lines.ts';
import { buildRun } from '../../support/runs.ts';
import { until } from '../../support/service.ts';

/** Answers that end before they are whole. */
describe('an answer that breaks off', function () {
  this.timeout(60_000);
  const { logger, lines } = captureLog();
  let database: TestDatabase;
  let api: ApiOnly;
  let path: string;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database, {}, { logger });
    path = `/api/v1/jobs/${(await buildRun(database)).job_id}/events`;
  });

  after(async () => {
    await api?.close();
    await database?.remove();
  });

  beforeEach(() => {
    lines.length = 0;
  });

  /** Begins to read the event stream of a run that has not ended. */
  function beginToRead(): Promise<{ leave: () => void; broken: Promise<unknown> }> {
    return new Promise((resolve, reject) => {
      const asked = request(api.url + path, { agent: false }, (response) => {
        const broken = new Promise((end) => response.once('error', end));
        response.once('data', () => resolve({ leave: () => asked.destroy(), broken }));
      });
      asked.once('error', reject).end();
    });
  }

  it('since the client went away is no error', async () => {
    // Take the code out of BROKEN_OFF (src/api/http/errors.ts); without app.on('error') Koa prints a stack that is no JSON.
    const { leave } = await beginToRead();
    leave();
    await until('it to be noticed', async () => (lines.length > 0 ? true : null), 10_000);
    assert.deepEqual(
      lines.map(({ level, method, path: of }) => ({ level, method, of })),
      [{ level: DEBUG, method: 'GET', of: path }],
    );
  });

  it('since something failed is logged as JSON, with its method and path', async () => {
    const { broken } = await beginToRead();
    await database.sequelize.query('ALTER TABLE run_metrics RENAME TO elsewhere');
    try {
      await broken;
      await until('it to be logged', async () => (lines.length > 0 ? true : null), 10_000);
    } finally {
      await database.sequelize.query('ALTER TABLE elsewhere RENAME TO run_metrics');
    }
    assert.deepEqual(
      lines.map(({ level, method, path: of }) => ({ level, method, of })),
      [{ level: ERROR, method: 'GET', of: path }],
    );
    assert.match(JSON.stringify(lines[0]?.err), /run_metrics/);
  });
});
