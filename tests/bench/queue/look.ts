/**
 * A process that does nothing but looks of the reconciler and sweeps of the dispatcher at the queue of a running service:
 * what they take is its own. It looks whenever its parent says so, and answers with what it took.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { connectOrchestration } from '../../../src/commands/workflows/client.ts';
import { connectModels } from '../../../src/models/database.ts';
import { loadEnv } from '../../../src/platform/env.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { requireDatabaseUrl } from '../../../src/platform/postgres/database-url.ts';
import { Dispatcher } from '../../../src/processes/orchestrator/dispatcher.ts';
import { Reconciler } from '../../../src/processes/orchestrator/reconciler.ts';
import { median } from '../../support/figures.ts';

/** Milliseconds, and bytes above what the process had before. */
export interface Looks {
  lookMs: number;
  worstLookMs: number;
  residentBytes: number;
  heapBytes: number;
  sweepMs: number;
}

const TIMES = 10;
const SAMPLE_EVERY_MS = 2;

const env = loadEnv();
connectModels(requireDatabaseUrl(env));
const orchestration = connectOrchestration(env);
const logger = createLogger('bench', 'warn');
const reconciler = new Reconciler(env, orchestration, logger);
const dispatcher = new Dispatcher(env, orchestration, logger);

process.on('message', () => void look().then((looks) => process.send?.(looks)));
process.on('disconnect', () => process.exit(0));
await look();
process.send?.('ready');

async function look(): Promise<Looks> {
  globalThis.gc?.();
  // From here on, VmHWM is the most that is resident.
  await writeFile('/proc/self/clear_refs', '5');
  const before = process.memoryUsage();
  let mostHeap = before.heapUsed;
  const sampling = setInterval(() => {
    mostHeap = Math.max(mostHeap, process.memoryUsage().heapUsed);
  }, SAMPLE_EVERY_MS);
  const looksMs = await timesOf(() => reconciler.look());
  clearInterval(sampling);
  const kib = Number(/VmHWM:\s+(\d+)/.exec(await readFile('/proc/self/status', 'utf8'))?.[1]);
  const sweepsMs = await timesOf(() => dispatcher.sweep());
  return {
    lookMs: median(looksMs) ?? Number.NaN,
    worstLookMs: Math.max(...looksMs),
    residentBytes: 1_024 * kib - before.rss,
    heapBytes: mostHeap - before.heapUsed,
    sweepMs: median(sweepsMs) ?? Number.NaN,
  };
}

async function timesOf(work: () => Promise<void>): Promise<number[]> {
  const tookMs: number[] = [];
  for (let n = 0; n < TIMES; n++) {
    const fromMs = performance.now();
    await work();
    tookMs.push(performance.now() - fromMs);
  }
  return tookMs;
}
