import assert from 'node:assert/strict';
import { makeKey } from '../support/api-keys.ts';
import { assertNoBarriers, describePage, type Visitor } from '../support/browser.ts';
import { jobsOf } from '../support/jobs.ts';
import { csvRows } from '../support/rows.ts';
import { clientOf, startTestService, type TestService, TINY_MODEL } from '../support/service.ts';

/** What changes something, or takes something away, by the name of its control. */
const NOT_OFFERED =
  /^(Ask both|Cancel|Change the gate|Clean up|Delete|Download|Export as|Fork|Hold|Drain|Make the key|Pause|Pin|Promote|Push to|Release|Rename|Resume|Retry|Roll back|Save|See what would go|Set a gate|Start|Stop|To the front|Undrain|Unpin|Upload)/;
const TABS = ['curves', 'events', 'log', 'checkpoints', 'mixture', 'settings', 'report', 'versions'];

describePage('a viewer of the page', (visit) => {
  let service: TestService;
  let remove: () => Promise<void>;
  let visitor: Visitor;
  let screens: string[];
  const refused: string[] = [];

  before(async () => {
    ({ service, remove } = await startTestService());
    const admin = await makeKeyOf('anna', 'admin');
    const as = { ...service, ...clientOf(service.apiUrl, admin) };
    await as.call('POST', '/workers/', { action: 'start', worker_count: 1 });
    const dataset = Number((await as.upload('rows.csv', csvRows(40))).body.id);
    const jobs = jobsOf(as, dataset);
    const job = await jobs.create({ training_type: 'lora', max_steps: 2, max_length: 64 });
    const traits = [{ trait_type: 'coding', datasets: [{ dataset_id: dataset, percentage: 100 }] }];
    const project = await as.call('POST', '/projects/', {
      name: 'p',
      output_directory: 'p',
      base_model: TINY_MODEL,
      traits,
    });
    assert.equal(project.status, 201, JSON.stringify(project.body));
    assert.equal((await jobs.ended(job)).status, 'completed');
    const viewer = await makeKeyOf('vera', 'viewer', admin);
    screens = [
      ...[
        '/',
        '/runs',
        '/queue',
        '/datasets',
        `/datasets/${dataset}`,
        '/models',
        '/sweeps',
        '/new',
        '/keys',
        '/settings',
        '/storage',
      ],
      ...TABS.slice(0, -1).map((tab) => `/jobs/${job}?tab=${tab}`),
      ...[`/jobs/${job}/try`, `/projects/${project.body.id}`, `/projects/${project.body.id}?tab=versions`],
    ];
    visitor = await visit(new URL(service.apiUrl).origin);
    const { page } = visitor;
    await page.goto('/');
    await page.getByRole('textbox', { name: 'API key' }).fill(viewer.Authorization.replace('Bearer ', ''));
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('banner').getByText('vera, viewer').waitFor();
    page.on('response', (response) => {
      if (response.status() === 403) refused.push(`${response.request().method()} ${response.url()}`);
    });
  });
  after(() => remove?.());

  async function makeKeyOf(name: string, role: string, by: Record<string, string> = {}) {
    return (await makeKey({ call: service.call } as Parameters<typeof makeKey>[0], { name, role }, by)).headers;
  }

  it('is offered nothing on any screen that would be refused', async () => {
    // Take Allowed out of start.tsx, report.tsx, exports.tsx, gate.tsx or playground.tsx, or have ToDownload link for everybody, and it is named here.
    const { page } = visitor;
    const document = (await (await fetch(`${service.apiUrl}/api/v1/openapi.json`)).json()) as {
      paths: Record<string, { get?: { 'x-required-role'?: string } }>;
    };
    const templates = Object.entries(document.paths).map(([path, { get }]) => ({
      pattern: new RegExp(`^${path.replace(/\{path\}/g, '.+').replace(/\{\w+\}/g, '[^/]+')}$`),
      role: get?.['x-required-role'] ?? 'viewer',
    }));
    const found: string[] = [];
    for (const screen of screens) {
      await page.goto(screen);
      await page.getByRole('heading', { level: 1 }).waitFor();
      await page.waitForLoadState('networkidle');
      for (const href of await page
        .locator('main a[href^="/api/"]')
        .evaluateAll((all) => all.map((a) => a.getAttribute('href')))) {
        const { pathname } = new URL(String(href), service.apiUrl);
        const roles = templates.filter(({ pattern }) => pattern.test(pathname)).map(({ role }) => role);
        assert.ok(roles.length > 0, `${href} is in the document`);
        if (!roles.includes('viewer')) found.push(`${screen}: a link to ${href}`);
      }
      for (const name of await page.locator('main').getByRole('button').allInnerTexts())
        if (NOT_OFFERED.test(name.trim())) found.push(`${screen}: ${name}`);
    }
    assert.deepEqual(found, []);
    assert.deepEqual(refused, []);
    await page.getByText('This needs the role').first().waitFor();
    await assertNoBarriers(visitor, 'versions of a project, to a viewer');
  });
});
