import assert from 'node:assert/strict';
import { assertNoBarriers, describePage, type Visitor } from '../support/browser.ts';
import { Hub } from '../support/hub.ts';
import { filesOf } from '../support/model-downloads.ts';
import { startTestService, type TestService } from '../support/service.ts';

describePage('base models on the page', (visit) => {
  let hub: Hub;
  let service: TestService;
  let remove: () => Promise<void>;
  let visitor: Visitor;

  before(async () => {
    hub = await Hub.start();
    ({ service, remove } = await startTestService({ hubEndpoint: hub.url }));
    visitor = await visit(new URL(service.apiUrl).origin);
  });

  after(async () => {
    await hub?.stop();
    await remove?.();
  });

  it('come in by their names, are paused and resumed on the way, and are deleted', async () => {
    // Take the invalidation of baseModelsKey out of web/src/screens/models/downloads.tsx, and the list never has the model.
    const { page } = visitor;
    hub.add('org/model', filesOf(4_000_000));
    hub.sendUpTo(2_000_000);
    await page.goto('/models');
    await page.getByLabel('Add a model from Hugging Face').fill('org/model');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    const downloads = page.getByRole('region', { name: 'Downloads' }).first();
    await downloads.getByText(/^2 MB of 4 MB$/).waitFor();
    await assertNoBarriers(visitor, 'a model on its way');
    await page.getByRole('button', { name: 'Pause the download of org/model' }).click();
    await downloads.getByText('It was asked for. Resume it to go on.').waitFor();
    hub.sendUpTo(Number.POSITIVE_INFINITY);
    await page.getByRole('button', { name: 'Resume the download of org/model' }).click();
    await page.getByRole('link', { name: 'org/model' }).click();
    await page.getByRole('heading', { name: 'org/model' }).waitFor();
    await page.getByRole('button', { name: 'Delete' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('All revisions of').waitFor();
    await assertNoBarriers(visitor, 'a model that is to be deleted');
    await dialog.getByRole('button', { name: 'Delete' }).click();
    await page.waitForURL(/\/models$/);
    await page.getByRole('link', { name: 'org/model' }).waitFor({ state: 'detached' });

    await page.getByLabel('Add a model from Hugging Face').fill('org/none');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await downloads.getByText(/There is no model org\/none on/).waitFor();
    assert.deepEqual(visitor.problems(), []);
  });
});
