import { join } from 'node:path';
import { BESIDES } from './besides.ts';
import { type Drive, Drives } from './drive.ts';
import { keepEvidence } from './evidence.ts';
import { FAULTS, faultOf } from './faults.ts';
import { violationsOf } from './invariants.ts';
import { orphanedUploads } from './promised-files.ts';
import { wrongNotifications } from './receiver-beside.ts';
import { wrongRemovals } from './retention-beside.ts';
import { type CasePlan, planBeside, planCase } from './schedule.ts';
import { SPECS } from './specs.ts';
import { ChaosWorld } from './world.ts';

export interface BatchOptions {
  /** Schedules, as seed and index; each is one run. */
  cases: { seed: string; index: number }[];
  /** In place of the cases: a run for each file call that a worker or its trainer makes, which is stopped there. */
  sweep: boolean;
  /** Names of the faults to draw from; none: all. */
  only: string[];
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

/** A job each, since a project's output directory is that of others. */
const SWEPT = ['qlora, dropout'];

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
  /** Names and contents of files that losses of power took. */
  losses: number;
  seconds: number;
}

/** Undisturbed runs of every spec that is needed, then the scheduled ones, several at once; then every invariant. */
export async function runBatch(options: BatchOptions): Promise<BatchOutcome> {
  const from = performance.now();
  const outcome: BatchOutcome = { ended: [], violations: [], losses: 0, seconds: 0 };
  const world = await ChaosWorld.create(options);
  try {
    const aborted = new Promise<void>((resolve) => options.signal.addEventListener('abort', () => resolve()));
    await Promise.race([aborted, runAll(world, options, outcome, from)]);
    outcome.violations.push(...world.watch.doubled.map((sentence) => `I3: ${sentence}`), ...world.violations);
    if (!options.signal.aborted) {
      outcome.violations.push(...(await wrongNotifications(world)).map((sentence) => `Notifications: ${sentence}.`));
      outcome.violations.push(...(await wrongRemovals(world)).map((sentence) => `Retention: ${sentence}.`));
      outcome.violations.push(...(await orphanedUploads(world)).map((sentence) => `I6: ${sentence}.`));
    }
    outcome.losses = world.losses.length;
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
  const drawn = options.only.length > 0 ? options.only.map(faultOf) : FAULTS;
  const queue = (options.sweep ? [] : options.cases).map(({ seed, index }) => {
    const plan = planCase(seed, index, drawn, Object.keys(SPECS));
    const beside = options.only.length > 0 ? undefined : planBeside(seed, index, BESIDES);
    // Left out afterwards: the same seed gives the same other faults everywhere.
    return {
      seed,
      plan: {
        ...plan,
        faults: plan.faults.filter(({ name }) => world.has(faultOf(name).needs)),
        ...(beside ? { beside } : {}),
      },
    };
  });
  const drives = new Drives(world);
  const specs = options.sweep ? SWEPT : [...new Set(queue.map(({ plan }) => plan.spec))];
  const references = await train(world, drives, specs, options);
  if (options.sweep) queue.push(...(await sweepOf(world)));
  const all = queue.length;
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

/** Each file call that changes something, as the undisturbed runs made it, of a worker or of what it started. */
async function sweepOf(world: ChaosWorld): Promise<{ seed: string; plan: CasePlan }[]> {
  const calls = (await world.files?.log()) ?? [];
  const workers = new Set(calls.filter(({ site }) => site.startsWith('worker ')).map(({ owner }) => owner));
  const sites = new Set(calls.filter(({ owner }) => workers.has(owner)).map(({ site }) => site));
  return [...sites]
    .filter((site) => site !== '')
    .sort()
    .map((site, index) => {
      const moment = { when: 'created', percent: 0 } as const;
      const fault = { name: 'stop at file call', moment, soon: false, dice: 0, site };
      return { seed: 'sweep', plan: { index, spec: SWEPT[index % SWEPT.length] ?? '', faults: [fault] } };
    });
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
  { name, plan, hits, missed, beside, seconds }: Drive,
  status: string,
  violations: string[],
  n: number,
  of: number,
): string {
  const site = plan.faults.find((fault) => fault.site)?.site;
  const own = hits
    .filter(({ isOwn }) => isOwn)
    .map(({ fault, at, isIdle }) => `${fault} (${at}${isIdle ? '; found nothing to hit' : ''})`);
  const others = hits.filter(({ isOwn }) => !isOwn).map(({ fault }) => fault);
  const parts = [
    `[${n}/${of}] ${name}, ${plan.spec}: ${status} after ${seconds.toFixed(0)} s`,
    `own: ${own.join(', ') || 'none'}`,
    ...(beside.length > 0 ? [`beside: ${beside.join(', ')}`] : []),
    ...(site ? [`at: ${site}`] : []),
    ...(others.length > 0 ? [`of others: ${others.join(', ')}`] : []),
    ...(missed.length > 0 ? [`ended before: ${missed.map((fault) => fault.name).join(', ')}`] : []),
  ];
  return [parts.join('; '), ...violations.map((sentence) => `  VIOLATION ${sentence}`)].join('\n');
}
