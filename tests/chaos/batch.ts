import { join } from 'node:path';
import { type Drive, Drives } from './drive.ts';
import { keepEvidence } from './evidence.ts';
import { FAULTS, FULL_DISK } from './faults.ts';
import { violationsOf } from './invariants.ts';
import { type CasePlan, planCase } from './schedule.ts';
import { SPECS } from './specs.ts';
import { ChaosWorld } from './world.ts';

export interface BatchOptions {
  /** Schedules, as seed and index; each is one run. */
  cases: { seed: string; index: number }[];
  /** No further run begins after so many minutes with faults. */
  minutes: number;
  /** Runs under way at once, and workers for them. */
  atOnce: number;
  workerCount: number;
  heartbeatTimeoutMs: number;
  /** Aborted: everything is ended at once, and what ended until then is the outcome. */
  signal: AbortSignal;
  /** Where to keep what a run left behind that broke an invariant. */
  evidenceDir: string;
  onProgress: (line: string) => void;
  /** After each run, with all that ended so far. */
  onEnded?: (outcome: BatchOutcome) => Promise<void>;
}

export interface EndedCase {
  seed: string;
  drive: Drive;
  status: string;
  violations: string[];
}

export interface BatchOutcome {
  ended: EndedCase[];
  /** What no single run broke: two trainers at once, processes left at the end. */
  violations: string[];
  seconds: number;
}

/** Undisturbed runs of every spec that is needed, then the scheduled ones, several at once; then every invariant. */
export async function runBatch(options: BatchOptions): Promise<BatchOutcome> {
  const from = performance.now();
  const outcome: BatchOutcome = { ended: [], violations: [], seconds: 0 };
  const world = await ChaosWorld.create(options);
  try {
    const aborted = new Promise<void>((resolve) => options.signal.addEventListener('abort', () => resolve()));
    await Promise.race([aborted, runAll(world, options, outcome, from)]);
    outcome.violations.push(...world.watch.doubled.map((sentence) => `I3: ${sentence}`));
  } finally {
    const left = await world.remove();
    // Of a batch that is cut short, runs are under way.
    if (!options.signal.aborted)
      outcome.violations.push(...left.map((process) => `I9: a process was left at the end: ${process}`));
    outcome.seconds = (performance.now() - from) / 1_000;
  }
  return outcome;
}

async function runAll(world: ChaosWorld, options: BatchOptions, outcome: BatchOutcome, from: number): Promise<void> {
  const { onProgress, signal } = options;
  const queue = options.cases.map(({ seed, index }) => {
    const plan = planCase(seed, index, FAULTS, Object.keys(SPECS));
    // Left out afterwards: the same seed gives the same other faults everywhere.
    return {
      seed,
      plan: world.disk ? plan : { ...plan, faults: plan.faults.filter(({ name }) => name !== FULL_DISK) },
    };
  });
  const all = queue.length;
  const drives = new Drives(world);
  const references = await train(world, drives, [...new Set(queue.map(({ plan }) => plan.spec))], options);
  // Whatever the undisturbed ones took, there are some.
  const lastBeginMs = performance.now() + options.minutes * 60_000;
  const lane = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      if (signal.aborted || performance.now() > lastBeginMs) return;
      const { seed, plan } = next;
      const name = `run ${seed}/${plan.index}`;
      try {
        const drive = await drives.run(plan, name);
        const violations = await violationsOf(world, drive, references);
        const { status } = world.watch.seen(drive.run.runId) ?? { status: 'unknown' };
        world.watch.leave(drive.run.runId);
        if (violations.length > 0) await keepEvidence(world, drive, join(options.evidenceDir, `${seed}-${plan.index}`));
        outcome.ended.push({ seed, drive, status, violations });
        outcome.seconds = (performance.now() - from) / 1_000;
        onProgress(lineOf(drive, status, violations, outcome.ended.length, all));
        await options.onEnded?.(outcome);
      } catch (error) {
        if (signal.aborted) return;
        outcome.violations.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
        onProgress(`${name} FAILED: ${error instanceof Error ? error.stack : String(error)}`);
      }
    }
  };
  await Promise.all(Array.from({ length: options.atOnce }, lane));
}

/** The weights of each spec, of a run that nothing happens to. */
async function train(
  world: ChaosWorld,
  drives: Drives,
  specs: string[],
  { onProgress }: BatchOptions,
): Promise<Map<string, string>> {
  const references = new Map<string, string>();
  await Promise.all(
    specs.map(async (spec, index) => {
      const plan: CasePlan = { index, spec, faults: [] };
      const drive = await drives.run(plan, `undisturbed, ${spec}`);
      const violations = await violationsOf(world, drive, references);
      const [row] = await world.query<{ sha256: string | null; steps: number }>(
        `SELECT result->>'weights_sha256' AS sha256, total_steps AS steps FROM runs WHERE id = $1`,
        [drive.run.runId],
      );
      if (!row?.sha256 || violations.length > 0)
        throw new Error(`An undisturbed run went wrong: ${violations.join(' ')}`);
      references.set(spec, row.sha256);
      onProgress(
        `undisturbed: ${spec}, ${row.steps} steps, ${drive.seconds.toFixed(0)} s, weights ${row.sha256.slice(0, 12)}`,
      );
    }),
  );
  return references;
}

function lineOf(
  { name, plan, hits, missed, seconds }: Drive,
  status: string,
  violations: string[],
  n: number,
  of: number,
): string {
  const own = hits.filter(({ isOwn }) => isOwn).map(({ fault, at }) => `${fault} (${at})`);
  const others = hits.filter(({ isOwn }) => !isOwn).map(({ fault }) => fault);
  const parts = [
    `[${n}/${of}] ${name}, ${plan.spec}: ${status} after ${seconds.toFixed(0)} s`,
    `own: ${own.join(', ') || 'none'}`,
    ...(others.length > 0 ? [`of others: ${others.join(', ')}`] : []),
    ...(missed.length > 0 ? [`ended before: ${missed.map((fault) => fault.name).join(', ')}`] : []),
  ];
  return [parts.join('; '), ...violations.map((sentence) => `  VIOLATION ${sentence}`)].join('\n');
}
