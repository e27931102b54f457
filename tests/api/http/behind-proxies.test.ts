import assert from 'node:assert/strict';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { bearer } from '../../support/api-keys.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';

const KEY = 'a-key-of-the-settings';

describe('behind proxies', () => {
  let database: TestDatabase;
  /** All requests of these tests come from 127.0.0.1. */
  let proxied: ApiOnly;
  let direct: ApiOnly;

  before(async () => {
    database = await startTestDatabase();
    proxied = await startTestApi(database, { apiKeys: [KEY], proxies: ['loopback', '10.1.0.0/16'] });
    direct = await startTestApi(database, { apiKeys: [KEY], proxies: ['10.1.0.0/16'] });
  });

  after(async () => {
    await Promise.all([proxied, direct].map((api) => api?.close()));
    await database?.remove();
  });

  /** Where the newest change of the audit list came from. */
  async function addressOf(api: ApiOnly, forwarded: string): Promise<string | undefined> {
    const headers = { ...bearer(KEY), 'X-Forwarded-For': forwarded };
    assert.equal((await api.call('PATCH', '/config/', { default_epochs: 3 }, headers)).status, 200);
    const { body } = await api.call('GET', '/audit/', undefined, bearer(KEY));
    return (body.items as { address: string }[])[0]?.address;
  }

  it('the audit list has who asked the last of them that is known, and believes nobody else', async () => {
    // Take the first address of X-Forwarded-For in behind-proxies.ts, and anybody writes what they like before it.
    assert.equal(await addressOf(proxied, '203.0.113.9'), '203.0.113.9');
    assert.equal(await addressOf(proxied, '198.51.100.1, 203.0.113.9, 10.1.2.3'), '203.0.113.9');
    // Trust every connection there, and this is the address that a client made up.
    assert.equal(await addressOf(direct, '203.0.113.9'), '127.0.0.1');
  });

  it('each client has wrong keys of its own', async () => {
    // Leave behindProxies() out of server.ts, and the second client is refused for the keys of the first.
    const wrong = (client: string, nth: number) =>
      proxied.call('GET', '/jobs/', undefined, { ...bearer(`wrong-${nth}`), 'X-Forwarded-For': client });
    for (let nth = 0; nth < 20; nth++) assert.equal((await wrong('203.0.113.20', nth)).status, 401);
    assert.equal((await wrong('203.0.113.20', 20)).status, 429);
    assert.equal((await wrong('203.0.113.21', 21)).status, 401);
  });

  it('a session of a page that one of them serves by HTTPS is for HTTPS alone', async () => {
    // Leave `secure` out of behind-proxies.ts.
    const cookieOf = async (api: ApiOnly, proto: string) => {
      const answer = await api.call('POST', '/session', { api_key: KEY }, { 'X-Forwarded-Proto': proto });
      return answer.headers.get('set-cookie') ?? '';
    };
    assert.match(await cookieOf(proxied, 'https'), /; secure/i);
    assert.doesNotMatch(await cookieOf(proxied, 'http'), /; secure/i);
    assert.doesNotMatch(await cookieOf(direct, 'https'), /; secure/i);
  });

  it('a setting that names no address is refused by name', async () => {
    await assert.rejects(startTestApi(database, { proxies: ['the-proxy'] }), {
      message:
        'Wrong settings. MTM_PROXIES is "the-proxy": invalid IP address: the-proxy. Give addresses or networks, such as 10.0.0.5,192.168.0.0/16, or loopback.',
    });
  });
});
