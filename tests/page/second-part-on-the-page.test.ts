import assert from 'node:assert/strict';
import { assertNoBarriers, describePage, type Visitor } from '../support/browser.ts';
import { settledPool } from '../support/hosts.ts';
import { csvRows } from '../support/rows.ts';
import { startTestService, type TestService, TINY_MODEL } from '../support/service.ts';

/** Pairs of answers, of which the shorter one is preferred. */
const PAIRS = Array.from({ length: 30 }, (_, n) =>
  JSON.stringify({ prompt: `question ${n}`, chosen: `yes ${n}`, rejected: `no, never ${n}` }),
).join('\n');

describePage('the second part of a project on the page', (visit) => {
  let service: TestService;
  let remove: () => Promise<void>;
  let visitor: Visitor;

  before(async () => {
    ({ service, remove } = await startTestService());
    await service.upload('rows.csv', csvRows(60), { name: 'questions' });
    await service.upload('pairs.jsonl', PAIRS, { name: 'preferences' });
    visitor = await visit(new URL(service.apiUrl).origin);
  });
  after(() => remove?.());

  const choose = async (label: string, name: RegExp) => {
    const { page } = visitor;
    await page.getByRole('combobox', { name: label, exact: true }).click();
    await page.getByRole('option', { name }).click();
  };

  it('is asked for with rows and settings of its own, and refused where it stands', async () => {
    // Leave followed_by out of placesIn (web/src/screens/new/problems.ts), and its dataset is not marked; of requestOf, and no second run comes.
    const { page } = visitor;
    await page.goto('/new/project');
    await page.getByLabel('Name').fill('Two parts');
    await page.getByRole('radio', { name: 'lora', exact: true }).check();
    await page.getByRole('checkbox', { name: 'Coding', exact: true }).check();
    await choose('Dataset of Coding', /questions/);
    const second = page.getByRole('group', { name: 'Second part', exact: true });
    await second.getByLabel('Then train on its result').check();
    await page.getByText('Second part: Choose at least one trait.').waitFor();
    await second.getByRole('checkbox', { name: 'Reasoning', exact: true }).check();
    await page.getByText('Second part: Choose a dataset for Reasoning.').waitFor();
    await choose('Dataset of Reasoning', /questions/);
    await page.getByText('followed_by: Dataset 1').waitFor();
    await page.getByRole('button', { name: 'Create and start' }).click();
    await second.getByText('followed_by: Dataset 1').waitFor();
    await assertNoBarriers(visitor, 'a refused second part');
    assert.equal((await service.call('GET', '/projects/')).body.total, 0);
    await choose('Dataset of Reasoning', /preferences/);
    await second.getByRole('button', { name: 'Settings of the second part' }).click();
    await second.getByLabel('Epochs').fill('101');
    await page.getByText('Second part: epochs is 101').waitFor();
    await second.getByLabel('Epochs').fill('1');
    const plan = page.getByRole('region', { name: 'Plan of the second part' });
    await plan.getByText(/^Then, from what comes of it: \d+ steps on 27 rows, 3 held out\.$/).waitFor();
    await assertNoBarriers(visitor, 'a project with a second part');
  });

  it('begins by itself, and the project shows both parts and how far each is', async () => {
    // Let Parts (web/src/screens/run/parts.tsx) show nothing, or take the type of the project for each run, and it fails.
    const { page } = visitor;
    await page.getByRole('button', { name: 'Create and start' }).click();
    await page.waitForURL(/\/projects\/1$/);
    const parts = page.getByRole('list', { name: 'The parts of the project' }).getByRole('listitem');
    await parts.nth(0).getByText('lora: run 1').waitFor();
    await parts
      .nth(1)
      .getByText('dpo, from what comes of it: begins as soon as the first part has completed')
      .waitFor();
    await assertNoBarriers(visitor, 'the parts of a project');
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
    await settledPool(service, 1);
    await parts.nth(1).getByText('dpo, from what comes of it: run 2').waitFor();
    await parts.nth(1).getByText('completed').waitFor();
    await parts.nth(0).getByText('completed').waitFor();
    await page.getByText(`dpo of ${TINY_MODEL}`).waitFor();
    await parts.nth(0).getByRole('link', { name: 'run 1' }).click();
    await page.getByText(`lora of ${TINY_MODEL}`).waitFor();
    await parts.nth(1).getByText('completed').waitFor();
    assert.deepEqual(visitor.problems(/400/), []);
  });

  it('is taken over into a new project, where it can be left out', async () => {
    // Leave followedBy out of draftOf (web/src/screens/new/draft-of.ts), and the new project is one run.
    const { page } = visitor;
    await page.goto('/new/project?from=project-1');
    await page.getByText('Nothing is different from project-1 yet.').waitFor();
    const second = page.getByRole('group', { name: 'Second part', exact: true });
    assert.equal(await second.getByLabel('Epochs').inputValue(), '1');
    await second.getByLabel('Then train on its result').uncheck();
    const differences = page.getByRole('region', { name: 'Differences from project-1' });
    await differences.getByRole('row').filter({ hasText: 'followed_by' }).first().waitFor();
  });
});
