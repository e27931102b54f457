import assert from 'node:assert/strict';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { type MadeKey, makeKey } from '../../support/api-keys.ts';
import { type StoppableDatabase, startStoppableDatabase } from '../../support/database.ts';

describe('API keys, while PostgreSQL is away', function () {
  this.timeout(60_000);
  const OF_SETTINGS = { Authorization: 'Bearer a-key-of-the-settings-that-nobody-guesses' };
  let database: StoppableDatabase;
  let known: ApiOnly;
  let unknowing: ApiOnly;
  let withSettings: ApiOnly;
  let key: MadeKey;

  before(async () => {
    database = await startStoppableDatabase();
    known = await startTestApi(database);
    key = await makeKey(known, { name: 'admin', role: 'admin' });
    unknowing = await startTestApi(database);
    withSettings = await startTestApi(database, { apiKeys: [OF_SETTINGS.Authorization.slice(7)] });
    await database.stop();
  });

  after(async () => {
    await Promise.all([known, unknowing, withSettings].map((api) => api?.close()));
    await database?.start();
    await database?.remove();
  });

  it('count where they were known lately and nothing else needs it; nothing opens what was closed', async () => {
    // Let readOrKnown of KeyRing (src/models/keys/key-ring.ts) give an empty ring while the database is away, or not what was known.
    const status = async (api: ApiOnly, path: string, headers: Record<string, string>) =>
      (await api.call('GET', path, undefined, headers)).status;
    assert.equal(await status(known, '/datasets/uploads', key.headers), 200);
    assert.equal(await status(known, '/datasets/uploads', {}), 401, 'it stays closed');
    assert.equal(await status(known, '/jobs/', key.headers), 503);
    assert.equal((await known.call('GET', '/session', undefined, key.headers)).body.name, 'admin');
    // One that was started meanwhile does not know whether there are keys.
    for (const headers of [key.headers, {}]) {
      const { status: refused, headers: answered } = await unknowing.call(
        'GET',
        '/datasets/uploads',
        undefined,
        headers,
      );
      assert.equal(refused, 503);
      assert.ok(Number(answered.get('Retry-After')) > 0);
    }
    assert.equal(await status(withSettings, '/datasets/uploads', OF_SETTINGS), 200);
    assert.equal(await status(withSettings, '/datasets/uploads', key.headers), 503);
    assert.equal(await status(withSettings, '/datasets/uploads', {}), 401);
  });
});
