import { setTimeout as after } from 'node:timers/promises';
import type { Bounded } from '../bounds.ts';
import { type Bench, type Noted, type Watched, watch } from './watched.ts';

const MOST_KB = 250;
/** A screen that has loaded nothing for so long has all that it begins with. */
const QUIET_MS = 1_000;

/** What of the compressed script each screen takes when it is the first that is opened, as the browser asked for it: the entry, what it imports, what is loaded ahead. */
export async function figuresOfScripts(bench: Bench): Promise<Bounded[]> {
  const { jobId, runId } = await bench.addJob('of which the screen is loaded');
  await bench.database.query(
    `INSERT INTO run_metrics (run_id, step, lease_epoch, epoch, loss) SELECT $1, step, 1, 0.1, 2 FROM generate_series(1, 50) AS step`,
    [runId],
  );
  const routes: [address: string, seen: string][] = [
    ['/', 'main h1'],
    ['/runs', 'main tbody tr'],
    ['/datasets', 'main tbody tr'],
    ['/datasets/1', 'main article'],
    ['/models', 'main h1'],
    ['/settings', 'main h1'],
    ['/new', 'main h1'],
    ['/new/job', 'main form, main input'],
    ['/new/project', 'main form, main input'],
    [`/jobs/${jobId}`, 'main [role=slider]'],
    [`/jobs/${jobId}?tab=log`, 'main [role=tablist]'],
  ];
  const figures: Bounded[] = [];
  for (const [address, seen] of routes) {
    const visitor = await watch(bench);
    await visitor.page.goto(address);
    await visitor.page.locator(seen).first().waitFor();
    const loaded = await allLoaded(visitor);
    const kb = (ending: string) =>
      loaded.filter(({ url }) => url.endsWith(ending)).reduce((sum, each) => sum + each.compressedBytes, 0) / 1000;
    const what = address === `/jobs/${jobId}` ? '/jobs/{id}, curves' : address.replace(String(jobId), '{id}');
    figures.push({
      what: `script of ${what}`,
      found: kb('.js'),
      unit: 'kB',
      ...(address === '/' ? { atMost: MOST_KB } : {}),
    });
    if (address === '/') figures.push({ what: 'style sheets of it', found: kb('.css'), unit: 'kB' });
    await visitor.leave();
  }
  return figures;
}

async function allLoaded({ noted }: Watched): Promise<Noted['loaded']> {
  const scripts = async () => (await noted()).loaded.filter(({ url }) => /\.(js|css)$/.test(url));
  for (let last = -1, now = await scripts(); ; now = await scripts()) {
    if (now.length === last) return now;
    last = now.length;
    await after(QUIET_MS);
  }
}
