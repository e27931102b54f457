import { parseArgs } from 'node:util';
import { runBatch } from './batch.ts';

/**
 * `npm run chaos -- --runs N --seed S [--case I] [--minutes M] [--report FILE]`: random faults against the real stack, then
 * every invariant. The same seed gives the same schedule; `--case` runs one of its runs alone.
 */
const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    case: { type: 'string' },
    minutes: { type: 'string', default: '600' },
    report: { type: 'string' },
  },
});
const { seed } = values;
const indexes =
  values.case === undefined ? Array.from({ length: Number(values.runs) }, (_, n) => n) : [Number(values.case)];
console.log(`Seed ${seed}, ${indexes.length} runs.`);
const outcome = await runBatch({
  cases: indexes.map((index) => ({ seed, index })),
  minutes: Number(values.minutes),
  atOnce: 4,
  workerCount: 3,
  heartbeatTimeoutMs: 5_000,
  onProgress: (line) => console.log(line),
});
const violations = [...outcome.ended.flatMap((each) => each.violations), ...outcome.violations];
console.log(`${outcome.ended.length} runs in ${outcome.seconds.toFixed(0)} s, ${violations.length} violations.`);
for (const sentence of violations) console.log(`  ${sentence}`);
process.exitCode = violations.length === 0 ? 0 : 1;
