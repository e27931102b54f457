import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { childEnv } from '../../../src/platform/env.ts';
import { startTrainer } from '../../../src/trainer/process.ts';
import type { TrainerEvent } from '../../../src/trainer/protocol.ts';
import { WarmPython } from '../../../src/trainer/warm-python.ts';

/** An event of a trainer of any version. */
export type AnyEvent = { type: string } & Record<string, unknown>;

/** Starts trainers as the worker of a build does. */
export interface Trainers {
  /**
   * Runs a run file to its end, unless `onEvent` returns false: the trainer is killed then.
   * @throws Error for another exit code than 0
   */
  run(runFile: string, logFile: string, onEvent: (event: AnyEvent) => boolean | undefined): Promise<void>;
  close(): Promise<void>;
}

/** A Python process of its own for each run, as workers of old started it. */
export function freshTrainers(python: string, dir: string): Trainers {
  return {
    close: async () => {},
    run: async (runFile, logFile, onEvent) => {
      const log = await open(logFile, 'a');
      const child = spawn(python, ['-u', '-m', 'trainer', runFile, '--events-fd', '3', '--supervised'], {
        cwd: dir,
        detached: true,
        stdio: ['pipe', log.fd, log.fd, 'pipe'],
        env: childEnv({ PYTHONDONTWRITEBYTECODE: '1' }),
      });
      await log.close();
      const ended = once(child, 'exit') as Promise<[number | null, string | null]>;
      let wasKilled = false;
      for await (const line of createInterface({ input: child.stdio[3] as Readable })) {
        if (wasKilled || onEvent(JSON.parse(line) as AnyEvent) !== false) continue;
        wasKilled = child.kill('SIGKILL');
      }
      const [code] = await ended;
      if (code !== 0 && !wasKilled) throw new Error(`The trainer ended with code ${code}: see ${logFile}`);
    },
  };
}

/** Copies of a process that is ready, as a worker of this build starts them. */
export async function warmTrainers(python: string): Promise<Trainers> {
  const warm = new WarmPython({
    libraries: 'trainings',
    isOn: true,
    idleMs: null,
    log: (sentence) => console.log(sentence),
  });
  warm.warmUp(python);
  // A warm process keeps nobody waiting for it, and here there is nothing else.
  const awake = setInterval(() => {}, 60_000);
  return {
    close: async () => {
      await warm.close();
      clearInterval(awake);
    },
    run: async (runFile, logFile, onEvent) => {
      let wasKilled = false;
      const heard = (event: TrainerEvent) => {
        if (wasKilled || onEvent(event) !== false) return;
        wasKilled = true;
        trainer.kill();
      };
      const trainer = await startTrainer({ python, runFile, logFile, onEvent: heard }, warm.start);
      const { code, error } = await trainer.exited;
      if (code !== 0 && !wasKilled)
        throw new Error(`The trainer ended with code ${code}: ${error?.message ?? `see ${logFile}`}`);
    },
  };
}
