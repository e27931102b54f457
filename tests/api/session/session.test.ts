import assert from 'node:assert/strict';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';

const KEY = 'a key; with "signs", of the service'.replaceAll(' ', '_');

describe('a session of a browser', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let api: ApiOnly;
  let cookie = '';

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database, { apiKeys: ['another', KEY] });
  });

  after(async () => {
    await api?.close();
    await database?.remove();
  });

  it('does not begin with a wrong key, and says where the right ones are', async () => {
    const { status, headers, body } = await api.call('POST', '/session', { api_key: 'wrong' });
    assert.equal(status, 400);
    assert.match(String(body.detail), /MTM_API_KEYS/);
    assert.equal(headers.get('set-cookie'), null);
    assert.deepEqual((await api.call('GET', '/session')).body, {
      needs_key: true,
      signed_in: false,
      name: null,
      role: null,
    });
  });

  it('keeps the key in a cookie that no script reads and no other site has sent', async () => {
    const { status, headers } = await api.call('POST', '/session', { api_key: KEY });
    assert.equal(status, 200);
    const set = headers.get('set-cookie') ?? '';
    assert.match(set, /; path=\//i);
    assert.match(set, /; samesite=strict/i);
    assert.match(set, /; httponly/i);
    assert.doesNotMatch(set, /expires|max-age/i);
    cookie = set.split(';')[0] ?? '';
    assert.equal((await api.call('GET', '/config/', undefined, { Cookie: cookie })).status, 200);
    assert.deepEqual((await api.call('GET', '/session', undefined, { Cookie: cookie })).body, {
      needs_key: true,
      signed_in: true,
      name: 'MTM_API_KEYS #2',
      role: 'admin',
    });
  });

  it('counts for no page but its own', async () => {
    // As it was: take isOurPage, or isOurChange, out of keyOfSession in src/api/http/guard.ts.
    const config = { default_epochs: 2 };
    const change = (headers: Record<string, string>) =>
      api.call('PATCH', '/config/', config, { Cookie: cookie, ...headers });
    const own = { Origin: api.url, 'Sec-Fetch-Site': 'same-origin' };
    assert.equal((await change(own)).status, 200);
    assert.equal((await change({})).status, 401, 'a browser says where a change comes from');
    assert.equal((await change({ ...own, 'Sec-Fetch-Site': 'same-site' })).status, 401, 'another port of this host');
    assert.equal((await change({ ...own, Origin: 'http://elsewhere.example' })).status, 403);
    const look = (site: string) => api.call('GET', '/config/', undefined, { Cookie: cookie, 'Sec-Fetch-Site': site });
    assert.equal((await look('cross-site')).status, 401);
    assert.equal((await look('none')).status, 200, 'an address that was typed');
  });

  it('ends when the visitor signs out', async () => {
    const { status, headers } = await api.call('DELETE', '/session', undefined, { Cookie: cookie, Origin: api.url });
    assert.equal(status, 204);
    assert.match(headers.get('set-cookie') ?? '', /^mtm_key=;.*expires=Thu, 01 Jan 1970/i);
  });
});
