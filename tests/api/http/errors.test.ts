import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import Koa from 'koa';
import { renderErrors } from '../../../src/api/http/errors.ts';
import { listen } from '../../../src/api/http/http-server.ts';
import { connectModels } from '../../../src/models/database.ts';
import { failureOf } from '../../../src/platform/failure-of.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { captureLog, ERROR, WARN } from '../../support/log-lines.ts';

/** What PostgreSQL refuses of values that no check of ours has refused. */
const REFUSED = [
  `SELECT '0000-01-01T00:00:00Z'::timestamptz`,
  `SELECT '294277-01-01'::timestamptz`,
  `SELECT 'x'::int`,
  'SELECT 2147483647::int + 1::int',
  `SELECT '"\\u0000"'::jsonb ->> 0`,
  `INSERT INTO datasets (name) VALUES (repeat('x', 256))`,
];

describe('errors of PostgreSQL', function () {
  this.timeout(60_000);
  const { logger, lines } = captureLog();
  let database: TestDatabase;
  let server: Server;
  let url: string;

  before(async () => {
    database = await startTestDatabase();
    const app = new Koa();
    app.use(renderErrors(logger));
    app.use(async (ctx) => {
      if (ctx.query.path !== undefined) await readFile(String(ctx.query.path));
      await database.sequelize.query(String(ctx.query.sql));
    });
    server = await listen(app, { port: 0, host: '127.0.0.1' });
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  after(async () => {
    server?.closeAllConnections();
    server?.close();
    await database?.remove();
  });

  async function ask(sql: string): Promise<{ status: number; detail: string }> {
    const response = await fetch(`${url}/?${new URLSearchParams({ sql })}`);
    return { status: response.status, ...((await response.json()) as { detail: string }) };
  }

  for (const sql of REFUSED) {
    it(`about a value are the client's, and logged as a check that is missing: ${sql}`, async () => {
      // Take isDataException out of toAnswer (src/api/http/errors.ts) and it is a 500.
      lines.length = 0;
      const { status, detail } = await ask(sql);
      assert.equal(status, 422);
      assert.match(detail, /does not fit.*Correct it/);
      assert.deepEqual(
        lines.map(({ level, method, path }) => [level, method, path]),
        [[WARN, 'GET', '/']],
      );
    });
  }

  it('about anything else are not', async () => {
    assert.equal((await ask('SELECT * FROM no_such_table')).status, 500);
  });

  it('say that a statement took too long, and not that the database is away', async () => {
    // Take statement_timeout out of src/models/database.ts and the server works on for 5 s.
    const impatient = connectModels(database.url, { statementTimeoutMs: 100 });
    const error = await impatient.query('SELECT pg_sleep(5)').catch((reason: unknown) => reason);
    await impatient.close();
    assert.deepEqual(failureOf(error), {
      kind: 'transient',
      sentence: 'The database needed longer for a statement than it may take.',
    });
    const answer = await ask('SET LOCAL statement_timeout = 50; SELECT pg_sleep(5)');
    assert.deepEqual(answer, {
      status: 503,
      detail: 'The database needed longer for a statement than it may take. Try again in a few seconds.',
    });
  });

  it('of the file system are logged, and answered without its paths', async () => {
    // Take ofKind out of src/api/http/errors.ts and it is a 500: nobody would try again.
    lines.length = 0;
    const response = await fetch(`${url}/?${new URLSearchParams({ path: tmpdir() })}`);
    assert.equal(response.status, 503);
    assert.deepEqual(await response.json(), {
      detail: 'The machine of the service does not let it do this; its log says why. Try again in a few seconds.',
    });
    assert.deepEqual(
      lines.map(({ level, err }) => [level, (err as { code: string }).code]),
      [[ERROR, 'EISDIR']],
    );
  });
});
