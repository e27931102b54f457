import assert from 'node:assert/strict';
import { type ApiOnly, startTestApi } from '../support/api.ts';
import { assertNoBarriers, describePage, type Visitor } from '../support/browser.ts';
import { startTestDatabase, type TestDatabase } from '../support/database.ts';

describePage('keys on the page', (visit) => {
  let database: TestDatabase;
  let api: ApiOnly;
  let visitor: Visitor;
  let admin = '';

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database);
    visitor = await visit(api.url);
  });

  after(async () => {
    await api?.close();
    await database?.remove();
  });

  async function make(name: string, role: string): Promise<string> {
    const { page } = visitor;
    await page.getByLabel('Name of a new key').fill(name);
    await page.getByLabel('Role').selectOption(role);
    await page.getByRole('button', { name: 'Make the key' }).click();
    const dialog = page.getByRole('dialog');
    const key = await dialog.getByRole('region', { name: 'The key' }).textContent();
    await assertNoBarriers(visitor, `the key ${name}`);
    await dialog.getByRole('button', { name: 'I have it' }).click();
    await dialog.waitFor({ state: 'detached' });
    return String(key);
  }

  it('are made, each shown once, and the first signs this browser in', async () => {
    // Take signIn out of web/src/screens/keys/make-key.tsx, and the browser is asked for the key that it has just made.
    const { page } = visitor;
    await page.goto('/keys');
    admin = await make('anna', 'admin');
    assert.match(admin, /^mtm_/);
    await page.getByRole('banner').getByText('anna, admin').waitFor();
    const viewer = await make('vera', 'viewer');
    assert.match(viewer, /^mtm_/);
    await page.getByRole('row', { name: /vera/ }).waitFor();
    assert.ok(!(await page.content()).includes(viewer), 'the key is still on the page');
    await assertNoBarriers(visitor, 'the keys');

    const other = await visit(api.url);
    await other.page.goto('/');
    await other.page.getByRole('textbox', { name: 'API key' }).fill(viewer);
    await other.page.getByRole('button', { name: 'Sign in' }).click();
    await other.page.getByRole('banner').getByText('vera, viewer').waitFor();
    // Have useRefusal (web/src/parts/allowed.tsx) answer null, and a viewer is offered what is refused.
    await other.page.getByText('This needs the role admin, and your key “vera” has the role viewer.').first().waitFor();
    assert.equal(await other.page.getByRole('button', { name: 'Start workers' }).count(), 0);
    assert.equal(await other.page.getByRole('navigation').getByRole('link', { name: 'New training' }).count(), 0);
    await other.page.goto('/new');
    await other.page.getByText('This needs the role trainer').waitFor();
    await other.page.goto('/keys');
    await other.page.getByText('This needs the role admin').waitFor();
    await assertNoBarriers(other, 'what a viewer may not do');
    assert.equal((await api.call('DELETE', '/jobs/12', undefined, { Authorization: `Bearer ${viewer}` })).status, 403);
    await other.leave();
  });

  it('are revoked once it was said twice, by keyboard alone', async () => {
    const { page } = visitor;
    await page.getByRole('button', { name: 'Revoke the key vera' }).focus();
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog');
    await dialog.getByText('opens nothing any more').waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    assert.equal(await page.getByRole('row', { name: /vera/ }).count(), 1);
    await page.getByRole('button', { name: 'Revoke the key vera' }).press('Enter');
    await dialog.getByRole('button', { name: 'Revoke' }).press('Enter');
    await page.getByRole('row', { name: /vera/ }).waitFor({ state: 'detached' });
    await page.getByLabel('With those that were revoked').check();
    await page.getByRole('row', { name: /vera.*revoked/ }).waitFor();
  });

  it('have a list of who did what, with its filters in the address', async () => {
    // Leave `who` out of the filter in audit-list.tsx, and what anna did is shown as well.
    const { page } = visitor;
    await page.getByRole('tab', { name: 'Audit' }).click();
    await page.getByRole('row', { name: /anna.*POST \/api\/v1\/keys\/.*key 2.*vera/s }).waitFor();
    await assertNoBarriers(visitor, 'who did what');
    await page.getByLabel('How it ended').selectOption('refused');
    await page.getByRole('row', { name: /vera.*DELETE \/api\/v1\/jobs\/\{id\}.*job 12.*Refused \(403\)/s }).waitFor();
    await page.getByRole('row', { name: /anna/ }).waitFor({ state: 'detached' });
    await page.getByLabel('How it ended').selectOption('');
    await page.getByLabel('Name of a key, all of it').fill('vera');
    await page.waitForURL(/who=vera/);
    await page.getByRole('row', { name: /anna, admin/ }).waitFor({ state: 'detached' });
    await page.reload();
    await page.getByRole('row', { name: /vera/ }).first().waitFor();
    assert.equal(
      await page
        .getByRole('row')
        .filter({ hasText: /^.*anna.*POST/ })
        .count(),
      0,
    );
    assert.ok(!(await page.content()).includes(admin));
    assert.deepEqual(visitor.problems(), []);
  });
});
