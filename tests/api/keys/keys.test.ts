import assert from 'node:assert/strict';
import { QueryTypes } from 'sequelize';
import { createKey, revokeKey } from '../../../src/commands/keys/keys.ts';
import { ApiKey } from '../../../src/models/keys/api-key.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { bearer, type MadeKey, makeKey } from '../../support/api-keys.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { csvRows } from '../../support/rows.ts';

/** Within this a key opens nothing any more, in every process. */
const SEEN_WITHIN_MS = 1_000;
/** What a loaded machine may take beside. */
const SLACK_MS = 2_000;

describe('API keys', function () {
  this.timeout(60_000);
  const lines: string[] = [];
  const logger = createLogger('api', 'trace', { write: (line) => void lines.push(line) });
  let database: TestDatabase;
  let api: ApiOnly;
  /** A second process of the same service, as far as keys go: it knows nothing of what the first one does. */
  let other: ApiOnly;
  let admin: MadeKey;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database, {}, { logger });
    other = await startTestApi(database, {}, { logger });
    const datasetId = Number((await api.upload('rows.csv', csvRows(20))).body.id);
    assert.equal((await api.call('POST', '/jobs/', { name: 'j', dataset_id: datasetId })).status, 201);
  });

  after(async () => {
    await Promise.all([api?.close(), other?.close()]);
    await database?.remove();
  });

  const status = async (of: ApiOnly, headers: Record<string, string>, path = '/config/') =>
    (await of.call('GET', path, undefined, headers)).status;

  /** How long it takes until a process answers so. */
  async function untilAnswered(of: ApiOnly, headers: Record<string, string>, wanted: number): Promise<number> {
    const begin = performance.now();
    while ((await status(of, headers)) !== wanted)
      assert.ok(performance.now() - begin < SEEN_WITHIN_MS + SLACK_MS, `no ${wanted} yet`);
    return performance.now() - begin;
  }

  it('close the service with the first one, which has to be of an admin, and say so', async () => {
    // Let createKey (src/commands/keys/keys.ts) take any role for the first; or leave `isFirst` out of the notice.
    assert.deepEqual((await api.call('GET', '/session')).body, {
      needs_key: false,
      signed_in: true,
      name: '(anyone)',
      role: 'admin',
    });
    const refused = await api.call('POST', '/keys/', { name: 'first', role: 'trainer' });
    assert.equal(refused.status, 400);
    assert.match(String(refused.body.detail), /role is trainer, and this is the first key/);
    assert.equal(await status(api, {}), 200);
    const { status: created, body, headers } = await api.call('POST', '/keys/', { name: 'Kim', role: 'admin' });
    assert.equal(created, 201);
    assert.match(String(body.notice), /From now on the service asks everybody for a key/);
    assert.equal(headers.get('Cache-Control'), 'no-store');
    admin = { id: Number(body.id), key: String(body.key), headers: bearer(String(body.key)) };
    assert.equal(await status(api, {}), 401);
    await untilAnswered(other, {}, 401);
    assert.equal(await status(other, admin.headers), 200);
    assert.equal((await other.call('GET', '/session', undefined, admin.headers)).body.role, 'admin');
  });

  it('are shown once, and kept as a hash alone', async () => {
    // Keep the key in created_by (src/commands/keys/keys.ts), or let POST /keys/ be declared with `creates`, and send an Idempotency-Key.
    const headers = { ...admin.headers, 'Idempotency-Key': 'once' };
    const { key, id } = await makeKey(api, { name: 'kept', role: 'trainer' }, headers);
    const again = await api.call('POST', '/keys/', { name: 'kept', role: 'trainer' }, headers);
    assert.equal(again.status, 409);
    assert.match(String(again.body.detail), /Another key has the name "kept"/);
    const shown = await api.call('GET', `/keys/${id}`, undefined, admin.headers);
    assert.equal(shown.body.public_part, key.slice(0, 12));
    assert.equal(shown.body.created_by, 'Kim');
    const tables = await database.sequelize.query<{ name: string }>(
      "SELECT quote_ident(table_name) AS name FROM information_schema.tables WHERE table_schema = 'public'",
      { type: QueryTypes.SELECT },
    );
    for (const { name } of tables) {
      const rows = await database.sequelize.query(`SELECT t::text FROM ${name} t`, { type: QueryTypes.SELECT });
      assert.ok(!JSON.stringify(rows).includes(key.slice(13)), name);
    }
  });

  it('open nothing any more, in every process, within a second of their end', async () => {
    // Let KeyRing (src/models/keys/key-ring.ts) never read again: FRESH_MS of an hour.
    const key = await makeKey(api, { name: 'short', role: 'trainer' }, admin.headers);
    await untilAnswered(other, key.headers, 200);
    assert.equal((await api.call('DELETE', `/keys/${key.id}`, undefined, admin.headers)).status, 204);
    assert.equal(await status(api, key.headers), 401, 'the process that did it knows at once');
    const seenAfterMs = await untilAnswered(other, key.headers, 401);
    console.log(`      another process saw it after ${Math.round(seenAfterMs)} ms`);
    const late = await makeKey(api, { name: 'late', role: 'trainer' }, admin.headers);
    await ApiKey.update({ expires_at: new Date() }, { where: { id: late.id } });
    await untilAnswered(api, late.headers, 401);
    const { body } = await api.call('GET', '/config/', undefined, late.headers);
    assert.match(String(body.detail), /expired at 20/);
  });

  it('end the streams and sessions that were opened with them', async () => {
    // Leave OpenAnswers out of requireAccess (src/api/http/guard.ts).
    const key = await makeKey(api, { name: 'streaming', role: 'viewer' }, admin.headers);
    await untilAnswered(other, key.headers, 200);
    const signIn = await other.call('POST', '/session', { api_key: key.key });
    assert.equal(signIn.body.name, 'streaming');
    const cookie = { Cookie: String(signIn.headers.get('set-cookie')).split(';')[0] ?? '' };
    assert.equal(await status(other, cookie), 200);
    // One that is never cut off ends too late.
    const signal = AbortSignal.timeout(10_000);
    const stream = await fetch(`${other.url}/api/v1/jobs/1/events?access_token=${key.key}`, { signal });
    assert.equal(stream.status, 200);
    const reader = stream.body?.getReader();
    assert.ok(reader);
    await reader.read();
    const begin = performance.now();
    await api.call('DELETE', `/keys/${key.id}`, undefined, admin.headers);
    await assert.rejects(async () => {
      while (!(await reader.read()).done);
    });
    const endedAfterMs = performance.now() - begin;
    assert.ok(endedAfterMs < 2 * SEEN_WITHIN_MS + SLACK_MS, `${endedAfterMs} ms`);
    console.log(`      the stream of another process ended after ${Math.round(endedAfterMs)} ms`);
    await untilAnswered(other, cookie, 401);
    assert.equal((await fetch(`${other.url}/api/v1/jobs/1/events?access_token=${key.key}`)).status, 401);
  });

  it('cannot be revoked where nobody could make others any more', async () => {
    // Leave requireWayIn out of revokeKey (src/commands/keys/keys.ts).
    const others = async () => {
      const { body } = await api.call('GET', '/keys/', undefined, admin.headers);
      return (body.items as { id: number }[]).filter(({ id }) => id !== admin.id);
    };
    const last = await api.call('DELETE', `/keys/${admin.id}`, undefined, admin.headers);
    assert.equal(last.status, 409);
    assert.match(String(last.body.detail), /"Kim" is the last key of an admin/);
    // With a key of the settings there is another way in; with no other key left the service is open again, unless strangers reach it.
    for (const { id } of await others())
      assert.equal((await api.call('DELETE', `/keys/${id}`, undefined, admin.headers)).status, 204);
    await assert.rejects(
      revokeKey(admin.id, { hasKeysOfSettings: false, isOpenWithoutKeys: false }),
      /is the last key: without it nobody could use the service/,
    );
    assert.equal((await api.call('DELETE', `/keys/${admin.id}`, undefined, admin.headers)).status, 204);
    assert.equal(await status(api, {}), 200, 'as before the first');
    const ways = { hasKeysOfSettings: false, isOpenWithoutKeys: true };
    const made = await createKey({ name: 'local', role: 'admin', expiresAt: null }, { name: '(local)' }, ways);
    admin = { id: made.row.id, key: made.key, headers: bearer(made.key) };
    await untilAnswered(api, {}, 401);
  });

  it('are looked at only so often where they are wrong, and right ones of the database always', async () => {
    // Leave FailedKeys out of the guard; or check its wait for every key.
    const keyed = await startTestApi(database, { apiKeys: ['short-one', 'x'.repeat(40)] }, { logger });
    try {
      const answers = [];
      for (let tried = 0; tried < 25; tried += 1) answers.push(await status(keyed, bearer(`wrong-${tried}`)));
      assert.deepEqual([...new Set(answers.slice(0, 20))], [401]);
      assert.deepEqual([...new Set(answers.slice(20))], [429]);
      const limited = await keyed.call('GET', '/config/', undefined, bearer('short-one'));
      assert.equal(limited.status, 429, 'a short key may be guessed');
      assert.match(String(limited.body.detail), /Too many wrong API keys came from .*127\.0\.0\.1\. Wait \d+ s/);
      assert.match(limited.headers.get('Retry-After') ?? '', /^\d+$/);
      assert.equal(await status(keyed, admin.headers), 200);
      assert.equal(await status(keyed, bearer('x'.repeat(40))), 200);
      assert.equal(await status(keyed, {}), 401, 'who sends none guesses nothing');
      const ofOpenAi = await fetch(`${keyed.url}/v1/models`, { headers: bearer('wrong-again') });
      const { error } = (await ofOpenAi.json()) as { error: { code: string } };
      assert.deepEqual([ofOpenAi.status, error.code], [429, 'too_many_wrong_keys']);
    } finally {
      await keyed.close();
    }
    for (let tried = 0; tried < 25; tried += 1)
      assert.equal(await status(api, bearer('always-the-same')), 401, 'a program that repeats a key guesses nothing');
  });

  it('note when they were used, once a minute', async () => {
    // Leave noteUse out of the guard; or its condition out of KeyRing.
    const used = async () => (await ApiKey.findByPk(admin.id))?.last_used_at?.getTime();
    const deadline = performance.now() + 10_000;
    const inTime = () => assert.ok(performance.now() < deadline, 'not noted');
    for (; (await used()) === undefined; inTime()) await status(api, admin.headers);
    const first = await used();
    for (let asked = 0; asked < 20; asked += 1) await status(api, admin.headers);
    assert.equal(await used(), first);
    await ApiKey.update({ last_used_at: new Date(Date.now() - 120_000) }, { where: { id: admin.id } });
    for (; ((await used()) ?? 0) < (first ?? 0); inTime()) await status(other, admin.headers);
  });

  it('are in no log and in no error, however they come and whatever they are', async () => {
    // Take the hook out of createLogger (src/platform/logger.ts), withoutSecrets out of renderErrors, or SECRET_FIELDS out of request.ts.
    const { key, id } = await makeKey(api, { name: 'leaving', role: 'viewer' }, admin.headers);
    const send = async (path: string, init: RequestInit = {}) => await (await fetch(api.url + path, init)).text();
    const cookie = { Cookie: `mtm_key=${Buffer.from(key).toString('base64url')}` };
    const texts: string[] = [];
    for (const revoked of [false, true]) {
      if (revoked) await api.call('DELETE', `/keys/${id}`, undefined, admin.headers);
      for (const headers of [bearer(key), cookie, {}] as Record<string, string>[]) {
        texts.push(await send(`/api/v1/jobs/?access_token=${key}`, { headers }));
        texts.push(await send(`/api/v1/jobs/1/events?access_token=${key}&access_token=${key}`, { headers }));
        texts.push(await send(`/api/v1/${key}`, { headers }));
        texts.push(await send('/v1/models', { headers, method: 'POST', body: key }));
      }
    }
    const json = { 'Content-Type': 'application/json' };
    for (const body of [key, JSON.stringify({ api_key: [key] }), JSON.stringify({ api_key: key, [key]: 1 })])
      texts.push(await send('/api/v1/session', { method: 'POST', headers: json, body }));
    texts.push(
      await send('/api/v1/session', {
        method: 'POST',
        headers: json,
        body: JSON.stringify({ api_key: ['secret-words'] }),
      }),
    );
    logger.error({ err: new Error(`It failed at ?access_token=${key}`), url: key }, 'A request failed.');
    const all = [...texts, ...lines].join('\n');
    assert.ok(all.includes(key.slice(0, 12)), 'what identifies it stays');
    assert.ok(
      !all.includes(key.slice(13, 25)),
      all.slice(Math.max(0, all.indexOf(key.slice(13, 25)) - 500)).slice(0, 600),
    );
    assert.ok(!all.includes('secret-words'));
  });
});
