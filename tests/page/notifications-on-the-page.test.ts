import assert from 'node:assert/strict';
import { type ApiOnly, startTestApi } from '../support/api.ts';
import { assertNoBarriers, describePage, type Visitor } from '../support/browser.ts';
import { startTestDatabase, type TestDatabase } from '../support/database.ts';
import { Receiver, verified } from '../support/receiver.ts';

describePage('notifications on the page', (visit) => {
  let database: TestDatabase;
  let api: ApiOnly;
  let receiver: Receiver;
  let visitor: Visitor;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database, { webhooksAllowPrivate: true });
    receiver = await new Receiver().start();
    visitor = await visit(api.url);
  });
  after(async () => {
    await Promise.all([api?.close(), receiver?.stop()]);
    await database?.remove();
  });

  it('are asked for, tested, disabled and ended', async () => {
    // Leave `events` out of addTarget (web/src/api/notifications.ts), and it is told everything; show the secret in Targets.
    const { page } = visitor;
    await page.goto('/settings');
    const section = page.getByRole('region', { name: 'Notifications' });
    await section.getByText('Nobody is told of anything.').waitFor();
    await section.getByLabel('Name of a new target').fill('chat');
    await section.getByLabel('URL').fill(receiver.url);
    await section.getByLabel('A disk is nearly full').uncheck();
    await section.getByRole('button', { name: 'Add', exact: true }).click();
    const dialog = page.getByRole('dialog');
    const secret = String(await dialog.getByRole('region', { name: 'The secret' }).textContent());
    assert.match(secret, /^whsec_/);
    await assertNoBarriers(visitor, 'the secret');
    await dialog.getByRole('button', { name: 'I have it' }).click();
    await dialog.waitFor({ state: 'detached' });
    const { body } = await api.call('GET', '/notification-targets/1');
    assert.deepEqual((body.events as string[]).includes('disk.low'), false);
    assert.equal((body.events as string[]).length, 5);

    await section.getByRole('button', { name: 'Send a test to chat' }).click();
    await section.getByText('the test arrived. It answered 204.').waitFor();
    const [got] = receiver.received;
    assert.ok(got && verified(got, secret));
    receiver.answer = { status: 500 };
    await section.getByRole('button', { name: 'Send a test to chat' }).click();
    await section.getByText('the test did not arrive. It answered 500.').waitFor();
    await section.getByRole('row', { name: /chat.*This is a test.*given up/s }).waitFor();
    await assertNoBarriers(visitor, 'who is told');
    assert.ok(!(await page.content()).includes(secret));

    await section.getByRole('button', { name: 'Disable chat' }).click();
    await section.getByRole('row', { name: /chat.*disabled/ }).waitFor();
    await section.getByRole('button', { name: 'Delete chat' }).click();
    await section.getByText('Nobody is told of anything.').waitFor();

    await section.getByLabel('By').selectOption('email');
    await section.getByLabel('Name of a new target').fill('anna');
    await section.getByLabel('Address').fill('anna@example.com');
    await section.getByRole('button', { name: 'Add', exact: true }).click();
    await section.getByText('set MTM_SMTP_URL and MTM_MAIL_FROM').waitFor();
    // What the API refuses, the browser has among its messages as well.
    assert.deepEqual(visitor.problems(/status of 400/), []);
  });
});
