import { chmod, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isFinal, type RunStatus } from '../../src/models/runs/statuses.ts';
import { loadEnv } from '../../src/platform/env.ts';
import { findTrainerPython } from '../../src/platform/python.ts';
import { until } from '../support/service.ts';
import type { Target } from './faults.ts';
import { type Strike, signalWorker } from './strikes.ts';

const WAITING_WITHIN_MS = 60_000;
/** Phases of which each needs a process of the trainer. */
const AT_WORK = ['training', 'exporting', 'validating'];

/** A program that becomes the trainer's Python, and can be taken away without harm to that. */
export async function replaceablePython(dir: string): Promise<string> {
  const real = await findTrainerPython(loadEnv());
  if (real === null) throw new Error("The trainer's Python is not there yet: run `npm run doctor`.");
  const path = join(dir, 'python');
  await writeFile(path, `#!/bin/sh\nexec '${real}' "$@"\n`);
  await chmod(path, 0o755);
  return path;
}

/** The trainer's Python is gone, or is none, for as long as it takes until the run says so, or a worker goes on with what it has loaded: copies of that need no Python. */
export async function breakPython(target: Target): Promise<Strike | null> {
  const { world, run, dice } = target;
  const kill = await signalWorker(target, 'SIGKILL');
  if (!kill) return null;
  const { python } = world;
  const before = world.watch.seen(run.runId)?.leaseEpoch ?? 0;
  const aside = `${python}.aside`;
  return {
    inject: async () => {
      await rename(python, aside);
      const ways = [
        async () => {},
        () => writeFile(python, 'This is no program.\n'),
        () => writeFile(python, '#!/bin/sh\necho no module named torch >&2\nexit 1\n'),
      ];
      await ways[dice % ways.length]?.();
      if (dice % ways.length > 0) await chmod(python, 0o755);
      await kill.inject();
    },
    heal: async () => {
      let said: string | null = null;
      try {
        await until(
          `${run.workflowId} to say why it waits`,
          async () => {
            const seen = world.watch.seen(run.runId);
            said = seen?.waitingFor ?? null;
            const goesOn = seen !== null && seen.leaseEpoch > before && AT_WORK.includes(seen.phase);
            return said !== null || goesOn || isFinal(seen?.status as RunStatus) ? true : null;
          },
          WAITING_WITHIN_MS,
        ).catch((error: Error) => world.violations.push(`I1: ${error.message} (its Python cannot be used).`));
        if (said !== null && !/MTM_PYTHON/.test(said)) world.violations.push(`${run.workflowId} waits for: ${said}`);
      } finally {
        await rename(aside, python);
      }
    },
  };
}
