import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type BatchOutcome, runBatch } from './batch.ts';
import { report, together, violationsIn, writeReport } from './report.ts';

/**
 * `npm run chaos -- --runs N --seed S [--case I] [--minutes M] [--only FAULT] [--sweep files] [--results FILE] [--add FILE] [--report FILE] [--evidence DIR]`: random faults against the
 * real stack, then every invariant (docs/reliability.md). The same seed gives the same schedule; `--case` runs one of its
 * runs alone; several `--seed` are N runs of each; with `--only`, faults of these names alone are drawn; `--sweep files` stops a
 * worker at each of its file calls in turn. `--results FILE` keeps what came of a batch, and `--add FILE` puts that of an
 * earlier one into the report as well.
 */
const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '10' },
    seed: { type: 'string', multiple: true, default: [String(Date.now() % 1_000_000)] },
    case: { type: 'string' },
    sweep: { type: 'string' },
    only: { type: 'string', multiple: true, default: [] },
    minutes: { type: 'string', default: '600' },
    report: { type: 'string' },
    results: { type: 'string' },
    add: { type: 'string', multiple: true, default: [] },
    evidence: { type: 'string', default: join(tmpdir(), 'mtm-chaos') },
  },
});
const indexes =
  values.case === undefined ? Array.from({ length: Number(values.runs) }, (_, n) => n) : [Number(values.case)];
console.log(`Seed ${values.seed.join(', ')}: ${indexes.length} runs of each.`);
// One worker more than runs: what is measured is how a run comes back, not how a worker is started.
const options = { atOnce: 4, workerCount: 5, heartbeatTimeoutMs: 5_000 };
const asked = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => asked.abort());
const earlier: BatchOutcome[] = await Promise.all(
  values.add.map(async (file) => JSON.parse(await readFile(file, 'utf8'))),
);
const keep = async (soFar: BatchOutcome) => {
  if (values.results) await writeFile(values.results, JSON.stringify(soFar));
  if (values.report) await writeReport(values.report, report(together([...earlier, soFar]), options));
};
const outcome = await runBatch({
  ...options,
  signal: asked.signal,
  only: values.only,
  sweep: values.sweep === 'files',
  evidenceDir: values.evidence,
  cases: values.seed.flatMap((seed) => indexes.map((index) => ({ seed, index }))),
  minutes: Number(values.minutes),
  onProgress: (line) => console.log(line),
  // After each run, so that a batch that is cut short leaves what it saw.
  onEnded: async (soFar) => {
    await keep(soFar);
  },
});
await keep(outcome);
console.log(`\n${report(together([...earlier, outcome]), options)}`);
const isClean = outcome.ended.length > 0 && violationsIn(outcome).length === 0;
// Some things still look for what runs that are over might do.
process.exit(asked.signal.aborted ? 130 : isClean ? 0 : 1);
