import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { measureStorage } from '../../src/activities/storage/measure.ts';
import { Checkpoint } from '../../src/models/runs/checkpoint.ts';
import { Run } from '../../src/models/runs/run.ts';
import { Removal } from '../../src/models/storage/removal.ts';
import { runPaths } from '../../src/runs/run-paths.ts';
import { type ApiOnly, startTestApi } from '../support/api.ts';
import { makeKey } from '../support/api-keys.ts';
import { assertNoBarriers, describePage, type Visitor } from '../support/browser.ts';
import { startTestDatabase, type TestDatabase } from '../support/database.ts';
import { buildRun } from '../support/runs.ts';

const DAY_MS = 24 * 3_600_000;

describePage('storage on the page', (visit) => {
  let database: TestDatabase;
  let api: ApiOnly;
  let visitor: Visitor;
  let due: Run;
  let young: Run;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database, { keepWorkDays: 7, modelCache: join(database.home, 'models') });
    due = await buildCompleted(9);
    young = await buildCompleted(2);
    await measureStorage(api.env);
    visitor = await visit(api.url);
    visitor.page.setDefaultTimeout(20_000);
  });
  after(async () => {
    await api?.close();
    await database?.remove();
  });

  async function buildCompleted(daysAgo: number): Promise<Run> {
    const run = await buildRun(database);
    const finished_at = new Date(Date.now() - daysAgo * DAY_MS);
    await Run.update({ status: 'completed', phase: 'finished', finished_at }, { where: { id: run.id } });
    const path = join(runPaths(api.env, run).checkpoints, 'e1', 'checkpoint-10');
    await mkdir(path, { recursive: true });
    await writeFile(join(path, 'manifest.json'), '{"files": {"weights": {}}}');
    await writeFile(join(path, 'weights'), 'x');
    const row = { run_id: run.id, lease_epoch: 1, step: 10, epoch: 1, path, manifest_sha256: '0'.repeat(64) };
    await Checkpoint.create({ ...row, bytes: 2_000_000, state: 'complete' });
    return run;
  }

  it('says what takes what, when each goes and why, and is found by its words', async () => {
    // Leave due_at out of bigThing (src/activities/storage/measure.ts), and nothing says when the younger one goes.
    const { page } = visitor;
    await page.goto('/');
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('disk full');
    await page.getByRole('option', { name: /Storage/ }).click();
    await page.getByRole('heading', { level: 1, name: 'Storage' }).waitFor();
    await page.getByRole('row', { name: /checkpoints_of_completed_runs.*4 MB \(2\).*7 days.*2 MB \(1\)/s }).waitFor();
    const largest = page.getByRole('region', { name: 'The largest things' });
    await largest.getByRole('row', { name: new RegExp(`${young.workflow_id}.*in 5 days, by policy`) }).waitFor();
    await page.getByRole('row', { name: /database.*the database of the service/s }).waitFor();
    await page.getByText('Nothing was removed.').waitFor();
    await assertNoBarriers(visitor, 'storage');
  });

  it('pins a run and a checkpoint on the page of the run, by keyboard', async () => {
    // Send `step` to the pin of the run in web/src/api/storage.ts, and no checkpoint is pinned.
    const { page } = visitor;
    await page.goto(`/jobs/${young.job_id}?tab=checkpoints`);
    await page.getByText('Not pinned: its checkpoints and exports go when their policies say so.').waitFor();
    await page.getByRole('button', { name: 'Pin run 1', exact: true }).press('Enter');
    await page.getByText('Pinned: no policy removes its checkpoints or exports.').waitFor();
    await page.getByRole('button', { name: 'Unpin run 1', exact: true }).waitFor();
    await page.getByRole('button', { name: 'Pin the checkpoint of step 10' }).press('Enter');
    await page.getByRole('button', { name: 'Unpin the checkpoint of step 10' }).waitFor();
    assert.equal((await Checkpoint.findOne({ where: { run_id: young.id } }))?.pinned, true);
    await assertNoBarriers(visitor, 'pins of a run');
    await page.goto('/storage');
    await page
      .getByRole('listitem')
      .filter({ hasText: `all of ${young.workflow_id}` })
      .waitFor();
    await page
      .getByRole('listitem')
      .filter({ hasText: `step 10 of ${young.workflow_id}` })
      .waitFor();
  });

  it('removes what is due once somebody has agreed to what was named', async () => {
    // Send dry_run: false at the first press in clean-up.tsx, and it is gone before anybody agreed.
    const { page } = visitor;
    await page.getByRole('button', { name: 'See what would go now' }).press('Enter');
    await page.getByText('1 thing, 2 MB would go now:').waitFor();
    await page.getByRole('button', { name: 'Clean up' }).press('Enter');
    const dialog = page.getByRole('dialog');
    await dialog.getByText(`checkpoints of ${due.workflow_id}`).waitFor();
    await dialog.getByText('removed by policy checkpoints_of_completed_runs after 7 days').waitFor();
    await assertNoBarriers(visitor, 'what goes');
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    assert.equal(await Removal.count(), 0);
    await page.getByRole('button', { name: 'Clean up' }).press('Enter');
    await dialog.getByRole('button', { name: 'Remove 2 MB' }).press('Enter');
    await page.getByText('1 thing, 2 MB go now.').waitFor();
    const went = page.getByRole('region', { name: 'What went, newest first' });
    await went.getByRole('row', { name: new RegExp(`${due.workflow_id}.*when somebody cleaned up`) }).waitFor();
    assert.deepEqual(visitor.problems(), []);
  });

  it('stands on a narrow screen, and offers a viewer nothing to clean up or pin', async () => {
    // Take Allowed out of storage.tsx or pin.tsx, and a viewer is offered what is refused.
    const admin = await makeKey(api, { name: 'anna', role: 'admin' });
    const viewer = await makeKey(api, { name: 'vera', role: 'viewer' }, admin.headers);
    const narrow = await visit(api.url, { width: 360, height: 740 });
    const { page } = narrow;
    await page.goto('/storage');
    await page.getByRole('textbox', { name: 'API key' }).fill(viewer.key);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('This needs the role admin').waitFor();
    await page.getByRole('region', { name: 'What policies remove, and when' }).waitFor();
    assert.equal(await page.getByRole('button', { name: /clean|would go/i }).count(), 0);
    assert.ok(await page.evaluate('document.documentElement.scrollWidth <= document.documentElement.clientWidth'));
    await assertNoBarriers(narrow, 'the narrow storage');
    await page.goto(`/jobs/${young.job_id}?tab=checkpoints`);
    await page.getByText('Pinned: no policy removes').waitFor();
    await page.getByRole('rowheader', { name: '10' }).waitFor();
    assert.equal(await page.getByRole('button', { name: /pin/i }).count(), 0);
    await narrow.leave();
  });
});
