import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { SMTPServer } from 'smtp-server';
import { createSendNotification } from '../../../src/activities/notifications/send-notification.ts';
import { KINDS } from '../../../src/activities/storage/kinds.ts';
import { dueDeliveries, tryAgain, waitAfterAttempts } from '../../../src/models/notifications/delivery-transitions.ts';
import { newsOf } from '../../../src/models/notifications/events.ts';
import { NotificationDelivery } from '../../../src/models/notifications/notification-delivery.ts';
import type { NotificationTarget } from '../../../src/models/notifications/notification-target.ts';
import type { Removal } from '../../../src/models/storage/removal.ts';
import type { Env } from '../../../src/platform/env.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { buildTarget } from '../../support/notification-targets.ts';
import { Receiver, verified } from '../../support/receiver.ts';
import { testEnv } from '../../support/service.ts';

const THREE_DAYS_MS = 3 * 24 * 3_600_000;

describe('a delivery', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let env: Env;
  let receiver: Receiver;

  before(async () => {
    database = await startTestDatabase();
    env = { ...(await testEnv()), home: database.home, webhooksAllowPrivate: true, publicUrl: 'https://mtm.example' };
    receiver = await new Receiver().start();
  });
  after(async () => {
    await receiver?.stop();
    await database?.remove();
  });

  const deliver = async (target: NotificationTarget, giveUpAt = new Date(Date.now() + THREE_DAYS_MS)) => {
    const data = newsOf('The disk is nearly full.\r\nBcc: everybody@example.com');
    const made = { target_id: target.id, event: 'disk.low' as const, data, give_up_at: giveUpAt };
    return await (await NotificationDelivery.create(made)).reload();
  };
  const tried = async (delivery: NotificationDelivery, of = env) => {
    const end = await createSendNotification(of)({ deliveryId: delivery.id });
    await delivery.reload();
    return end;
  };

  it('is tried again after ever longer waits, under one id, and not before its time', async () => {
    // Leave the look at next_attempt_at out of sendNotification, or give each attempt an id of its own.
    receiver.answer = { status: 503 };
    const target = await buildTarget({ address: receiver.url });
    const delivery = await deliver(target);
    const first = await tried(delivery);
    assert.deepEqual([first.status, delivery.attempts, delivery.last_answer], ['pending', 1, 'It answered 503.']);
    assert.ok(first.waitMs > 3_000 && first.waitMs <= 5_000, String(first.waitMs));
    assert.equal((await tried(delivery)).status, 'pending');
    assert.equal(receiver.received.length, 1, 'woken too early');
    assert.deepEqual(await dueDeliveries(10), []);
    receiver.answer = { status: 429, headers: { 'Retry-After': '3600' } };
    await delivery.update({ next_attempt_at: new Date() });
    assert.ok((await tried(delivery)).waitMs > 3_590_000, 'the receiver asked for an hour');
    receiver.answer = { status: 200 };
    await tryAgain(delivery.id);
    assert.deepEqual(
      (await dueDeliveries(10)).map(({ id }) => id),
      [delivery.id],
    );
    assert.equal((await tried(delivery)).status, 'delivered');
    assert.equal((await tried(delivery)).status, 'delivered');
    assert.equal(receiver.received.length, 3, 'what has ended is not sent again');
    for (const got of receiver.received) {
      assert.equal(got.id, delivery.message_id);
      assert.equal((verified(got, target.secret ?? '') as { type: string }).type, 'disk.low');
    }
    const waits = Array.from({ length: 10 }, (_, n) => waitAfterAttempts(n + 1) / 1_000);
    assert.deepEqual(waits, [5, 20, 80, 320, 1_280, 5_120, 20_480, 43_200, 43_200, 43_200]);
  });

  it('is given up after three days, with the reason', async () => {
    // Leave give_up_at out of `decide` (attempt-delivery.ts).
    receiver.answer = { status: 500 };
    const delivery = await deliver(await buildTarget({ address: receiver.url }), new Date());
    assert.equal((await tried(delivery)).status, 'given_up');
    assert.equal(delivery.last_answer, 'It answered 500. It was tried once, and is not tried again by itself.');
    assert.ok(delivery.finished_at);
    const disabled = await deliver(await buildTarget({ address: receiver.url, enabled: false }));
    const before = receiver.received.length;
    assert.deepEqual(await tried(disabled), { status: 'given_up', waitMs: 0, message: 'The target is disabled.' });
    assert.equal(receiver.received.length, before);
  });

  it('of a target that was deleted ends', async () => {
    // Leave the first check out of sendNotification.
    const target = await buildTarget();
    const { id } = await deliver(target);
    await target.destroy();
    assert.equal((await createSendNotification(env)({ deliveryId: id })).status, 'deleted');
  });

  it('to a receiver whose answer does not end, is done within its time', async () => {
    // Leave the limit of body.dump or `destroy` out of send-webhook.ts, and it hangs.
    const { createServer } = await import('node:http');
    const server = createServer((_request, response) => {
      response.writeHead(200);
      response.write('x'.repeat(1_000_000));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const begin = performance.now();
    assert.equal((await tried(await deliver(await buildTarget({ address })))).status, 'delivered');
    assert.ok(performance.now() - begin < 10_000);
    server.closeAllConnections();
    server.close();
  });

  it('by e-mail arrives with its id, and what the mail server refuses for good is not tried again', async () => {
    // Leave messageId out of send-email.ts; or `isRefused`.
    const mails: string[] = [];
    const server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      onAuth: ({ username, password }, _session, done) =>
        username === 'us' && password === 'pw' ? done(null, { user: 'us' }) : done(new Error('Wrong password')),
      onRcptTo: ({ address }, _session, done) =>
        address.startsWith('nobody')
          ? done(Object.assign(new Error('No such mailbox'), { responseCode: 550 }))
          : done(),
      onData: (stream, _session, done) => void text(stream).then((mail) => done(null, void mails.push(mail) as never)),
    });
    server.listen(0, '127.0.0.1');
    await once(server.server, 'listening');
    const { port } = server.server.address() as AddressInfo;
    const withMail = { ...env, smtpUrl: `smtp://us:pw@127.0.0.1:${port}`, mailFrom: 'MTM <mtm@example.com>' };
    const to = (address: string) => buildTarget({ kind: 'email', address });
    const delivery = await deliver(await to('anna@example.com'));
    assert.equal((await tried(delivery, withMail)).status, 'delivered', String(delivery.last_answer));
    const [mail = ''] = mails;
    assert.ok(mail.includes(`Message-ID: <${delivery.message_id}@model-training-manager>`), mail);
    assert.match(mail, /^To: anna@example\.com\r$/m);
    assert.match(mail, /^Page: {5}https:\/\/mtm\.example\/\r$/m);
    assert.ok(!(mail.split('\r\n\r\n')[0] ?? '').includes('Bcc'), mail);
    const nobody = await deliver(await to('nobody@example.com'));
    assert.equal((await tried(nobody, withMail)).status, 'given_up');
    assert.match(String(nobody.last_answer), /did not take it: 550 No such mailbox/);
    const wrong = await deliver(await to('anna@example.com'));
    assert.equal((await tried(wrong, { ...withMail, smtpUrl: `smtp://us:wrong@127.0.0.1:${port}` })).status, 'pending');
    assert.match(String(wrong.last_answer), /did not take it: 535/);
    assert.ok(!String(wrong.last_answer).includes('wrong@'));
    await new Promise<void>((resolve) => server.close(() => resolve()));
    const away = await deliver(await to('anna@example.com'));
    assert.equal((await tried(away, withMail)).status, 'pending');
    assert.match(String(away.last_answer), /ECONNREFUSED/);
    assert.match((await tried(await deliver(await to('anna@example.com')))).message, /MTM_SMTP_URL or MTM_MAIL_FROM/);
  });

  it('is forgotten when it is old and has ended', async () => {
    // Let the policy (src/activities/storage/kinds.ts) go by created_at.
    const target = await buildTarget();
    const [ended, open, young] = [await deliver(target), await deliver(target), await deliver(target)];
    await ended.update({ status: 'delivered', finished_at: new Date(0) });
    await young.update({ status: 'delivered', finished_at: new Date() });
    await database.sequelize.query("UPDATE notification_deliveries SET created_at = now() - interval '1 year'");
    await KINDS.notification_deliveries.remove(env, { keep_days: 30 } as Removal);
    const left = await NotificationDelivery.findAll({ where: { target_id: target.id }, order: ['id'] });
    assert.deepEqual(
      left.map(({ id }) => id),
      [open.id, young.id],
    );
  });
});
