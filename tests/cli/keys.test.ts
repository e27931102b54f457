import assert from 'node:assert/strict';
import { EXIT } from '../../src/cli/exit-codes.ts';
import { type ApiOnly, startTestApi } from '../support/api.ts';
import { commandLineOf } from '../support/command-line.ts';
import { startTestDatabase, type TestDatabase } from '../support/database.ts';

const ADMIN = 'an-admin-key-that-nobody-guesses-1234';

/** Of the command line over HTTP; what the API itself refuses is in tests/api/keys. */
describe('mtm key', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let api: ApiOnly;
  const as = (key: string) => commandLineOf(database.home, { MTM_SERVER: api.url, MTM_API_KEY: key });
  const admin = () => as(ADMIN);

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database, { apiKeys: [ADMIN] });
  });
  after(async () => {
    await api?.close();
    await database?.remove();
  });

  const add = async (...args: string[]) => {
    const { exitCode, stdout, stderr } = await admin().mtm('key', 'add', ...args);
    assert.equal(exitCode, EXIT.done, stderr);
    return { key: stdout, said: stderr };
  };
  const listed = async (...args: string[]) => (await admin().mtm('key', 'list', ...args)).stdout.split('\n');

  it('add prints the key alone, which opens what its role may do and nothing more', async () => {
    // Print more than `made.key` in showNewKey (src/cli/keys/keys.ts), or leave the role out of the body, and this fails.
    const { key, said } = await add('Lee', '--role', 'trainer', '--expires', '2h');
    assert.match(key, /^mtm_\S+$/);
    assert.match(said, /The key "Lee" has the role trainer and expires at \d{4}-.*\. It is shown this once\./);
    const lee = as(key);
    assert.equal((await lee.mtm('job', 'list')).exitCode, EXIT.done);
    const refused = await lee.mtm('key', 'list');
    assert.notEqual(refused.exitCode, EXIT.done);
    assert.match(refused.stderr, /admin/);
  });

  it('list shows name, role, beginning and use of each, and with --all those that were revoked', async () => {
    const { key } = await add('Robin', '--role', 'viewer');
    const [head, ...rows] = await listed();
    assert.match(head ?? '', /^ID +NAME +ROLE +KEY +STATUS +MADE BY +EXPIRES +LAST USED +RUNS$/);
    const robin = rows.find((row) => row.includes('Robin')) ?? '';
    assert.match(robin, /^\d+ +Robin +viewer +mtm_\S+… +live +MTM_API_KEYS #1 +never +never +0$/);
    assert.ok(!robin.includes(key), 'a list shows no key');
    // Leave `revoked` out of the query of listKeys and it stays in the list.
    assert.equal((await admin().mtm('key', 'revoke', 'Robin')).exitCode, EXIT.done);
    assert.ok(!(await listed()).some((row) => row.includes('Robin')));
    assert.match((await listed('--all')).find((row) => row.includes('Robin')) ?? '', / revoked /);
  });

  it('add and limit say how many runs a key may have, which list shows beside those that it has', async () => {
    // Leave max_open_runs out of a body in src/cli/keys/keys.ts and the list has no limit, or the old one.
    await add('Alex', '--role', 'trainer', '--max-runs', '3');
    const runs = async () =>
      (await listed())
        .find((row) => row.includes('Alex'))
        ?.split(/ {2,}/)
        .at(-1);
    assert.equal(await runs(), '0 of 3');
    const { stdout } = await admin().mtm('key', 'limit', 'Alex', '--max-runs', '2');
    assert.equal(stdout, 'The key "Alex" may have 2 runs that wait or are under way, and has 0.');
    assert.equal(await runs(), '0 of 2');
    await admin().mtm('key', 'limit', 'Alex', '--max-runs', 'none');
    assert.equal(await runs(), '0');
  });

  it('revoke takes a name or an id, and what it names opens nothing any more', async () => {
    // Send nothing in revokeKey (src/cli/keys/keys.ts) and the key goes on.
    const { key } = await add('Sam', '--role', 'viewer');
    assert.equal((await as(key).mtm('job', 'list')).exitCode, EXIT.done);
    const { stdout } = await admin().mtm('key', 'revoke', 'Sam');
    assert.equal(stdout, 'The key Sam is revoked: within a second it opens nothing any more.');
    assert.notEqual((await as(key).mtm('job', 'list')).exitCode, EXIT.done);
    await add('Sam', '--role', 'viewer');
    const id = (await listed()).find((row) => row.includes('Sam'))?.split(/ /)[0] ?? '';
    assert.deepEqual(await admin().json('key', 'revoke', id), { revoked: Number(id) });
  });

  it('audit has who made and revoked keys', async () => {
    await add('Kim', '--role', 'viewer');
    await admin().mtm('key', 'revoke', 'Kim');
    // Answer `key audit` without its filter and rows of other kinds come too.
    const { stdout } = await admin().mtm('key', 'audit', '--entity', 'key', '--last', '2');
    assert.match(stdout, /MTM_API_KEYS #1 .*DELETE \/api\/v1\/keys\/\{id\} .*done 204/);
    assert.match(stdout, /MTM_API_KEYS #1 .*POST \/api\/v1\/keys\/ .*done 201/);
  });

  // Take the check that each is about out of src/cli/keys, or out of src/commands/keys/keys.ts, and the command succeeds.
  const wrong: [string, string[], RegExp][] = [
    ['no role', ['add', 'Pat'], /--role/],
    ['a role that there is not', ['add', 'Pat', '--role', 'owner'], /viewer, trainer, admin/],
    [
      'no time',
      ['add', 'Pat', '--role', 'viewer', '--expires', 'soon'],
      /--expires is "soon": give 90d, 12h, 2w or 1y/,
    ],
    ['a past time', ['add', 'Pat', '--role', 'viewer', '--expires', '2001-01-31'], /expires_at.*past/],
    ['a name that begins with a digit', ['add', '7', '--role', 'viewer'], /name/],
    ['a name that another key has', ['add', 'Lee', '--role', 'viewer'], /Another key has the name "Lee"/],
    ['the name of no key', ['revoke', 'nobody'], /No key has the name "nobody"\. See `mtm key list`\./],
    [
      'a limit of nothing',
      ['add', 'Pat', '--role', 'viewer', '--max-runs', '0'],
      /--max-runs is "0": give a number from 1/,
    ],
    ['the id of no key', ['revoke', '4711'], /Key 4711 not found/],
  ];
  for (const [what, args, says] of wrong)
    it(`refuses ${what}, and changes nothing`, async () => {
      const before = await listed('--all');
      const { exitCode, stdout, stderr } = await admin().mtm('key', ...args);
      assert.notEqual(exitCode, EXIT.done);
      assert.match(stderr, says);
      assert.equal(stdout, '');
      assert.deepEqual(await listed('--all'), before);
    });

  it('refuses who has no key, or a wrong one', async () => {
    const stranger = commandLineOf(database.home, { MTM_SERVER: api.url });
    for (const cli of [stranger, as('mtm_wrong')]) {
      const { exitCode, stderr } = await cli.mtm('key', 'list');
      assert.notEqual(exitCode, EXIT.done);
      assert.match(stderr, /key/i);
    }
  });
});
