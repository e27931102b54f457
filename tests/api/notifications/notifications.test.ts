import assert from 'node:assert/strict';
import { QueryTypes } from 'sequelize';
import { createLogger } from '../../../src/platform/logger.ts';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { Receiver, verified } from '../../support/receiver.ts';

describe('notification targets', function () {
  this.timeout(60_000);
  const lines: string[] = [];
  const logger = createLogger('api', 'trace', { write: (line) => void lines.push(line) });
  let database: TestDatabase;
  let api: ApiOnly;
  /** The same service with its default: nothing goes to private addresses. */
  let guarded: ApiOnly;
  let receiver: Receiver;
  let secret: string;
  let id: number;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database, { webhooksAllowPrivate: true, publicUrl: 'https://mtm.example' }, { logger });
    guarded = await startTestApi(database, {}, { logger });
    receiver = await new Receiver().start();
  });
  after(async () => {
    await Promise.all([api?.close(), guarded?.close(), receiver?.stop()]);
    await database?.remove();
  });

  const add = (body: Record<string, unknown>, to = api) => to.call('POST', '/notification-targets/', body);
  const test = async (target: number, of = api) => {
    const { status, body } = await of.call('POST', `/notification-targets/${target}/test`);
    assert.equal(status, 200, JSON.stringify(body));
    return body;
  };

  it('get a secret that is shown once, by which a test is signed', async () => {
    // Sign with another id than that of the header (send-webhook.ts), or let presentTarget show the secret.
    const made = await add({ kind: 'webhook', name: 'chat', url: receiver.url });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    assert.equal(made.headers.get('Location'), `/api/v1/notification-targets/${made.body.id}`);
    [secret, id] = [String(made.body.secret), Number(made.body.id)];
    assert.match(secret, /^whsec_[0-9A-Za-z+/]{43}=$/);
    const sent = await test(id);
    assert.deepEqual([sent.status, sent.attempts, sent.last_answer], ['delivered', 1, 'It answered 204.']);
    const [got] = receiver.received;
    assert.ok(got);
    const { type, data } = verified(got, secret) as { type: string; data: Record<string, unknown> };
    assert.deepEqual([type, got.id, data.url], ['test', sent.message_id, 'https://mtm.example/']);
    assert.throws(() => verified({ ...got, body: got.body.replace('test', 'tost') }, secret), /No matching signature/);
  });

  it('say what came of a test that did not arrive', async () => {
    // Follow redirects, and the second receiver gets it; leave the 410 out of `judge` (send-webhook.ts).
    const other = await new Receiver().start();
    receiver.answer = { status: 302, headers: { Location: other.url } };
    const redirected = await test(id);
    assert.equal(redirected.status, 'given_up');
    assert.match(String(redirected.last_answer), /answered 302, a redirect, which is not followed/);
    assert.equal(other.received.length, 0);
    await other.stop();
    receiver.answer = { status: 503 };
    assert.match(String((await test(id)).last_answer), /^It answered 503\. It was tried once/);
    receiver.answer = { status: 410 };
    assert.match(String((await test(id)).last_answer), /wants no more, so the target is disabled/);
    const { body } = await api.call('GET', `/notification-targets/${id}`);
    assert.equal(body.enabled, false);
    assert.match(String(body.disabled_because), /^It answered 410/);
    const refused = await api.call('POST', `/notification-targets/${id}/test`);
    assert.equal(refused.status, 409);
    assert.match(String(refused.body.detail), /is disabled \(It answered 410 .*Enable it first/);
    const enabled = await api.call('PATCH', `/notification-targets/${id}`, { enabled: true });
    assert.deepEqual([enabled.body.enabled, enabled.body.disabled_because], [true, null]);
    receiver.answer = { status: 204 };
    await receiver.stop();
    assert.match(String((await test(id)).last_answer), /^It could not be reached: .*ECONNREFUSED/);
    await receiver.start();
  });

  it('are at no private address, unless a setting allows it, whatever a name leads to', async () => {
    // Leave `lookup` out of the Agent, and `localhost` is reached; leave requirePublic out, and so is 127.0.0.1.
    const before = receiver.received.length;
    const { port } = new URL(receiver.url);
    for (const host of [
      '127.0.0.1',
      '2130706433',
      '[::1]',
      '[::ffff:127.0.0.1]',
      '10.1.2.3',
      '169.254.169.254',
      'localhost',
    ]) {
      const refused = await add({ kind: 'webhook', name: 'inside', url: `http://${host}:${port}/` }, guarded);
      assert.equal(refused.status, 400, host);
      assert.match(String(refused.body.detail), /no public address \(\w+\)\. Set MTM_WEBHOOKS_ALLOW_PRIVATE=true/);
    }
    // As a name that led to the internet when it was added.
    for (const host of ['127.0.0.1', 'localhost']) {
      const url = `http://${host}:${port}/`;
      await api.call('PATCH', `/notification-targets/${id}`, { url });
      const { status, last_answer } = await test(id, guarded);
      assert.equal(status, 'given_up');
      assert.match(String(last_answer), /no public address \(loopback\)\. Nothing was sent there/);
    }
    assert.equal(receiver.received.length, before);
    await api.call('PATCH', `/notification-targets/${id}`, { url: receiver.url });
  });

  it('are refused with what is wrong, and what to do', async () => {
    // Take any of the checks out of commands/notifications/targets.ts.
    const url = 'https://example.com/';
    for (const [body, status, says] of [
      [{ kind: 'email', name: 'mail', address: 'anna@example.com' }, 400, /set MTM_SMTP_URL and MTM_MAIL_FROM/],
      [{ kind: 'webhook', name: 'ftp', url: 'ftp://example.com' }, 400, /begins with https:\/\/ or http:\/\//],
      [
        { kind: 'webhook', name: 'who', url: 'https://u:pass-word@example.com' },
        400,
        /…@example\.com": it has a name or/,
      ],
      [{ kind: 'webhook', name: 'of', url, runs_of: 'nobody' }, 400, /runs_of is "nobody", and no key has this name/],
      [{ kind: 'webhook', name: 'chat', url }, 409, /Another notification target has the name "chat"/],
      [{ kind: 'webhook', name: 'none', url, events: [] }, 422, /events/],
      [{ kind: 'webhook', name: 'both', url, address: 'a@example.com' }, 422, /address/],
    ] as const) {
      const refused = await add(body);
      assert.equal(refused.status, status, JSON.stringify(refused.body));
      assert.match(String(refused.body.detail), says);
    }
    const otherKind = await api.call('PATCH', `/notification-targets/${id}`, { address: 'a@example.com' });
    assert.match(String(otherKind.body.detail), /is a webhook\. Change its url/);
  });

  it('leave their secret in no log, no other answer, and no other table', async () => {
    // Take WEBHOOK_SECRETS out of withoutSecrets (src/platform/key-text.ts), or `url` out of CONTENT (audit-words.ts).
    const shown = [
      await api.call('GET', '/notification-targets/'),
      await api.call('GET', `/notification-targets/${id}`),
      await api.call('GET', '/notification-deliveries/'),
      await add({ kind: 'webhook', name: secret, url: 'https://example.com/a-secret-path' }),
    ];
    logger.error({ secret, text: `It failed with ${secret}` }, 'It failed.');
    const tables = await database.sequelize.query<{ name: string }>(
      "SELECT quote_ident(table_name) AS name FROM information_schema.tables WHERE table_schema = 'public' AND table_name <> 'notification_targets'",
      { type: QueryTypes.SELECT },
    );
    const rows = [];
    for (const { name } of tables)
      rows.push(await database.sequelize.query(`SELECT t::text FROM ${name} t`, { type: QueryTypes.SELECT }));
    const last = shown.pop();
    assert.equal(last?.status, 201);
    const all = JSON.stringify([lines, shown.map(({ body }) => body), rows]);
    for (const part of [secret.slice(6, 30), 'pass-word', 'a-secret-path']) assert.ok(!all.includes(part), part);
  });

  it('are forgotten with what they were told', async () => {
    // Leave ON DELETE CASCADE out of the migration, and it is refused.
    assert.equal((await api.call('DELETE', `/notification-targets/${id}`)).status, 204);
    const { body } = await api.call('GET', `/notification-deliveries/?target_id=${id}`);
    assert.equal(body.total, 0);
  });
});
