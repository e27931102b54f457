import assert from 'node:assert/strict';
import { EXIT } from '../../src/cli/exit-codes.ts';
import { type ApiOnly, startTestApi } from '../support/api.ts';
import { commandLineOf } from '../support/command-line.ts';
import { startTestDatabase, type TestDatabase } from '../support/database.ts';

const KEY = 'an-admin-key-that-nobody-guesses-1234';
const AS_ADMIN = { Authorization: `Bearer ${KEY}` };

describe('mtm key audit', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let api: ApiOnly;
  let cli: ReturnType<typeof commandLineOf>;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database, { apiKeys: [KEY] });
    cli = commandLineOf(database.home, { MTM_SERVER: api.url, MTM_API_KEY: KEY });
  });
  after(async () => {
    await api?.close();
    await database?.remove();
  });

  it('lists the newest that are asked for, over pages, and says what is no time', async () => {
    // Leave `after` out of the query in src/cli/keys/audit.ts, and the first page comes again.
    for (let n = 0; n < 210; n++) await api.call('PATCH', '/config/', { default_epochs: 1 + (n % 3) }, AS_ADMIN);
    await api.call('DELETE', '/jobs/12', undefined, AS_ADMIN);
    const { items } = (await cli.json('key', 'audit', '--entity', 'settings', '--last', '205')) as {
      items: { request_id: string }[];
    };
    assert.equal(new Set(items.map(({ request_id }) => request_id)).size, 205);
    const { stdout } = await cli.mtm('key', 'audit', '--outcome', 'refused');
    assert.match(
      stdout,
      /^\d{4}-\S+ \S+Z {2}MTM_API_KEYS #1 {2}127\.0\.0\.1 {2}DELETE \/api\/v1\/jobs\/\{id\} {2}job 12 {2}refused 404$/,
    );
    assert.equal((await cli.mtm('key', 'audit', '--who', 'nobody-of-these')).stdout, 'Nothing is like this.');
    const wrong = await cli.mtm('key', 'audit', '--since', 'yesterday');
    assert.notEqual(wrong.exitCode, EXIT.done);
    assert.match(wrong.stderr, /--since is "yesterday": give a time as 2026-01-31/);
  });
});
