import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { isFinal, type RunStatus } from '../../src/models/runs/statuses.ts';
import { until } from '../support/service.ts';
import type { Target } from './faults.ts';
import { CHANGES, ERRORS, READS, type Trap } from './files-shim.ts';
import { lose, unsyncedOf } from './power-loss.ts';
import { filesOfRows } from './promised-files.ts';
import { type Strike, signal, untilGone, workerOf } from './strikes.ts';
import { uploadThrough } from './uploads.ts';

/** So long a trap waits for a call that fits: a run that has saved, exported and published makes none any more. */
const CALL_WITHIN_MS = 20_000;
/** The same of a fault that others wait for. */
const SERVICE_CALL_WITHIN_MS = 8_000;
/** Of calls that change something, a training has about so many for each checkpoint; a validation, in all. */
const CALLS_OF_A_SAVE = 40;
const CALLS_OF_A_VALIDATION = 10;

/** Longer than Temporal waits for what the orchestrator does for a run's data, and for its end. */
const SILENT_MS = [33_000, 65_000];
const RUN_ENDS_WITHIN_MS = 180_000;

/** Waits until the trap has struck so often, or nothing more is to be expected. */
async function untilStruck(
  { world, run }: Target,
  trap: Trap,
  times: number,
  withinMs = CALL_WITHIN_MS,
): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    if ((await trap.look()).struck >= times) return true;
    const isOver = isFinal(world.watch.seen(run.runId)?.status as RunStatus);
    if (isOver || performance.now() > deadline) return (await trap.look()).struck > 0;
    await after(20);
  }
}

/**
 * The worker that has the run, or its trainer, is stopped right before a call that changes something on the disk, and its
 * worker with it; and goes on with that call when another worker has the run.
 */
export async function stopAtFileCall(target: Target): Promise<Strike | null> {
  const { world } = target;
  const owner = await workerOf(target);
  if (owner === null || !world.files) return null;
  const files = world.files;
  return stopAt(target, () => files.trap({ owner, action: 'stop', kinds: CHANGES, skip: skipOf(target), times: 1 }));
}

/** The same at a call that is known by its name in the log, whoever makes it for this run; from before anybody has it. */
export async function stopAtSite(target: Target, site: string): Promise<Strike | null> {
  const { world, run } = target;
  if (!world.files) return null;
  const files = world.files;
  const { home } = world.service.env;
  const [row] = await world.query<{ dir: string }>(`SELECT spec->>'output_directory' AS dir FROM runs WHERE id = $1`, [
    run.runId,
  ]);
  const under = site.includes(' outputs') ? (row?.dir ?? '') : join(home, 'runs', String(run.runId));
  return stopAt(
    target,
    () => files.trap({ owner: 0, action: 'stop', kinds: CHANGES, skip: 0, times: 1, site, under }),
    RUN_ENDS_WITHIN_MS,
  );
}

function stopAt(target: Target, setTrap: () => Promise<Trap>, withinMs = CALL_WITHIN_MS): Strike {
  const { world, run } = target;
  let trap: Trap;
  let struck = false;
  let epoch = 0;
  return {
    inject: async () => {
      trap = await setTrap();
      struck = await untilStruck(target, trap, 1, withinMs);
      const [row] = await world.query<{ epoch: number }>('SELECT lease_epoch AS epoch FROM runs WHERE id = $1', [
        run.runId,
      ]);
      epoch = row?.epoch ?? 0;
    },
    heal: async () => {
      const { pid, owner } = await trap.remove();
      try {
        if (struck)
          await until('another worker to have the run', async () => {
            const seen = world.watch.seen(run.runId);
            return seen && (seen.leaseEpoch > epoch || isFinal(seen.status as RunStatus)) ? true : null;
          });
      } finally {
        // Also when it struck in the last moment.
        for (const each of new Set([pid, owner])) if (each > 0) signal(each, 'SIGCONT');
      }
    },
    struck: () => struck,
  };
}

/**
 * The orchestrator is stopped in the same way, and another one does its work, which Temporal gives it once the first has not
 * been heard of for long enough; then the first goes on.
 */
export async function stopOrchestratorAtFileCall(target: Target): Promise<Strike | null> {
  const { world, dice } = target;
  const owner = await world.processOf('orchestrator');
  if (owner === null || !world.files) return null;
  const files = world.files;
  let struck = false;
  return {
    inject: async () => {
      const trap = await files.trap({ owner, action: 'stop', kinds: CHANGES, skip: dice % 20, times: 1 });
      struck = await untilStruck(target, trap, 1, SERVICE_CALL_WITHIN_MS);
      const { pid } = await trap.remove();
      try {
        if (struck) await world.withSpareOrchestrator(() => after(SILENT_MS[dice % SILENT_MS.length]));
      } finally {
        for (const each of new Set([pid, owner])) if (each > 0) signal(each, 'SIGCONT');
      }
    },
    heal: async () => {},
    struck: () => struck,
  };
}

/** File calls of the worker that has the run, or of its trainer, fail: one, or a few in a row. */
export async function failFileCalls(target: Target): Promise<Strike | null> {
  const { world, dice } = target;
  const owner = await workerOf(target);
  if (owner === null || !world.files) return null;
  const files = world.files;
  let struck = false;
  return {
    inject: async () => {
      const times = 1 + (dice % 3);
      const kinds = dice % 2 === 0 ? READS | CHANGES : CHANGES;
      const skip = skipOf(target);
      const trap = await files.trap({ owner, action: errorOf(dice), kinds, skip, times });
      struck = await untilStruck(target, trap, times);
      await trap.remove();
    },
    heal: async () => {},
    struck: () => struck,
  };
}

/** The same of the orchestrator and of the API, which gets a file meanwhile. */
export async function failFileCallsOfService(target: Target): Promise<Strike | null> {
  const { world, dice } = target;
  const [orchestrator, api] = await Promise.all([world.processOf('orchestrator'), world.processOf('api')]);
  if (orchestrator === null || api === null || !world.files) return null;
  const files = world.files;
  let struck = false;
  return {
    inject: async () => {
      const times = 1 + (dice % 3);
      const common = { action: errorOf(dice), kinds: CHANGES | READS, times };
      const ofRuns = await files.trap({ ...common, owner: orchestrator, skip: dice % 12 });
      const ofUploads = await files.trap({ ...common, owner: api, skip: Math.floor(dice / 10) % 12 });
      await uploadThrough(world);
      const heard = await untilStruck(target, ofRuns, times, SERVICE_CALL_WITHIN_MS);
      await ofRuns.remove();
      struck = (await ofUploads.remove()).struck > 0 || heard;
    },
    heal: async () => {},
    struck: () => struck,
  };
}

/** How many calls to let go by, so that any may be hit. */
function skipOf({ world, run, dice }: Target): number {
  const isTraining = world.watch.seen(run.runId)?.phase === 'training';
  return Math.floor(dice / 10) % (isTraining ? CALLS_OF_A_SAVE : CALLS_OF_A_VALIDATION);
}

function errorOf(dice: number): keyof typeof ERRORS {
  const names = Object.keys(ERRORS) as (keyof typeof ERRORS)[];
  return names[Math.floor(dice / 7) % names.length] ?? 'EIO';
}

/**
 * All is killed at once, and of our files what was not synced is lost, before anything starts again. PostgreSQL and Temporal keep all
 * that they wrote: what they sync is not ours to test, and that they know more than the disk is the worse case for us.
 */
export async function losePower(target: Target): Promise<Strike | null> {
  const { world, run, dice } = target;
  if (!world.files) return null;
  const files = world.files;
  const { postgres, temporal } = world.servers;
  return {
    inject: async () => {
      await files.shutGate(true);
      const pids = await world.processes();
      for (const pid of pids) signal(pid, 'SIGSTOP');
      for (const pid of pids) signal(pid, 'SIGKILL');
      await Promise.all([postgres.kill(), temporal.kill()]);
      await Promise.all(pids.map(untilGone));
      const done = await lose(unsyncedOf(await files.log()), `${run.workflowId} ${dice}`);
      await files.forget();
      world.losses.push(...done);
    },
    heal: async () => {
      try {
        await postgres.start();
        // Nothing has started yet: what the rows promise must be there as it lies.
        for (const sentence of await filesOfRows(world))
          world.violations.push(`I11: after a loss of power ${sentence}.`);
        await temporal.start();
      } finally {
        await files.shutGate(false);
      }
      await until('the service to be healthy', async () => ((await world.isHealthy()) ? true : null));
    },
  };
}
