import type pg from 'pg';
import type { Browser, CDPSession } from 'playwright-core';
import { type Visitor, visit } from '../../support/browser.ts';
import { type TestService, until } from '../../support/service.ts';

/** What every part measures with. */
export interface Bench {
  browser: Browser;
  origin: string;
  service: TestService;
  database: pg.Client;
  /** Adds a job that waits; its id, and that of its run. */
  addJob: (name: string) => Promise<{ jobId: number; runId: number }>;
}

/** What a visitor's browser noted by itself of a page, in milliseconds since the navigation. */
export interface Noted {
  /** Drawings of charts (web/src/parts/chart/drawn.ts). */
  drawings: { chart: string; fromMs: number; toMs: number }[];
  /** Everything that was loaded or asked of the API. */
  loaded: { url: string; endMs: number; compressedBytes: number }[];
  /** What kept the page from answering for more than 50 ms. */
  longTasksMs: number[];
  /** When the first row of a table was there; null while it is not. */
  firstRowMs: number | null;
}

/** Runs before the page does: the browser tells each figure once. */
const NOTE = `(() => {
  const noted = { drawings: [], loaded: [], longTasksMs: [], firstRowMs: null };
  window.noted = noted;
  performance.setResourceTimingBufferSize(100_000);
  const watch = (type, note) => new PerformanceObserver((list) => list.getEntries().forEach(note)).observe({ type, buffered: true });
  watch('measure', ({ name, detail, startTime, duration }) => {
    if (name === 'chart drawn') noted.drawings.push({ chart: detail, fromMs: startTime, toMs: startTime + duration });
  });
  watch('resource', ({ name, responseEnd, encodedBodySize }) => noted.loaded.push({ url: name, endMs: responseEnd, compressedBytes: encodedBodySize }));
  watch('longtask', ({ duration }) => noted.longTasksMs.push(duration));
  const look = () => {
    if (document.querySelector('main tbody tr') === null) requestAnimationFrame(look);
    else noted.firstRowMs = performance.now();
  };
  requestAnimationFrame(look);
})()`;

export interface Watched extends Visitor {
  noted: () => Promise<Noted>;
  /** Waits for an expression in the page to be true. */
  until: (expression: string) => Promise<unknown>;
  cdp: CDPSession;
}

/** A visitor who has loaded nothing yet, and whose browser notes what it does. */
export async function watch({ browser, origin }: Bench): Promise<Watched> {
  const visitor = await visit(browser, origin);
  await visitor.page.addInitScript(NOTE);
  const cdp = await visitor.page.context().newCDPSession(visitor.page);
  await cdp.send('Performance.enable');
  return {
    ...visitor,
    cdp,
    noted: async () => (await visitor.page.evaluate('window.noted')) as Noted,
    until: (expression) =>
      until(expression, async () => ((await visitor.page.evaluate(expression)) === true ? true : null)),
  };
}

/** What a page holds once nothing of it is garbage. */
export interface Held {
  heapMb: number;
  /** In the document, and all that scripts still refer to. */
  elements: number;
  nodes: number;
  listeners: number;
}

export async function heldBy({ cdp, page }: Watched): Promise<Held> {
  // What weak references and observers hold goes with the second.
  for (let times = 0; times < 2; times += 1) await cdp.send('HeapProfiler.collectGarbage');
  const { metrics } = await cdp.send('Performance.getMetrics');
  const metric = (name: string) => metrics.find((each) => each.name === name)?.value ?? Number.NaN;
  return {
    heapMb: metric('JSHeapUsedSize') / 1e6,
    elements: Number(await page.evaluate('document.querySelectorAll("*").length')),
    nodes: metric('Nodes'),
    listeners: metric('JSEventListeners'),
  };
}
