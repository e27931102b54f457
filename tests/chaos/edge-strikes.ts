import { execa } from 'execa';
import { BUILT } from '../../src/platform/built-files.ts';
import { childEnv, PROJECT_ROOT } from '../../src/platform/env.ts';
import { toVariables } from '../../src/platform/env-variables.ts';
import type { Target } from './faults.ts';
import { type Strike, signal } from './strikes.ts';
import { uploadThrough } from './uploads.ts';

/** Answers to COMMITs get lost, of whoever asks for them next, while a file is uploaded. */
export function loseCommits(target: Target): Strike {
  const { world, dice } = target;
  const before = world.proxy.lostCommits;
  return {
    inject: async () => {
      world.proxy.loseCommits(2 + (dice % 4));
      await uploadThrough(world);
    },
    heal: async () => world.proxy.loseCommits(0),
    struck: () => world.proxy.lostCommits > before,
  };
}

/** Everything stands still, and somebody starts the service a second time on the same home. */
export function startAgain({ world }: Target): Strike {
  let pids: number[] = [];
  return {
    inject: async () => {
      pids = await world.processes();
      for (const pid of pids) signal(pid, 'SIGSTOP');
      const ports = { MTM_PORT: '0', MTM_POSTGRES_PORT: '0', MTM_TEMPORAL_PORT: '0', MTM_TEMPORAL_UI_PORT: '0' };
      const { exitCode, all = '' } = await execa(process.execPath, [BUILT.main, 'start'], {
        cwd: PROJECT_ROOT,
        env: childEnv({ ...toVariables(world.service.env), ...ports }),
        reject: false,
        all: true,
        timeout: 60_000,
      });
      if (exitCode !== 1 || !all.includes('Another start of the service uses'))
        world.violations.push(`A second start on the same home ended with ${exitCode}: ${all}`);
    },
    heal: async () => {
      for (const pid of pids) signal(pid, 'SIGCONT');
    },
  };
}
