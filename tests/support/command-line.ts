import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { execa } from 'execa';
import { BUILT } from '../../src/platform/built-files.ts';
import { childEnv } from '../../src/platform/env.ts';
import { until } from './service.ts';

export interface Said {
  exitCode: number | undefined;
  stdout: string;
  stderr: string;
}

/** `mtm` as people start it, in a folder and with settings of a test's own. */
export function commandLineOf(cwd: string, variables: Record<string, string>) {
  const env = childEnv({ MTM_HOME: cwd, ...variables });
  const mtm = async (...args: string[]): Promise<Said> =>
    saidBy(await execa(process.execPath, [BUILT.main, ...args], { cwd, env, reject: false, stdin: 'ignore' }));
  return {
    mtm,
    /** What a command with --json prints, which has to be all of standard output. */
    json: async (...args: string[]): Promise<Record<string, unknown>> => {
      const { stdout, stderr } = await mtm(...args, '--json');
      try {
        return JSON.parse(stdout) as Record<string, unknown>;
      } catch {
        throw new Error(`mtm ${args.join(' ')} printed ${stdout || 'nothing'}, and said: ${stderr}`);
      }
    },
    /** A command that goes on for a while. */
    begin: (...args: string[]) => new Begun(spawn(process.execPath, [BUILT.main, ...args], { cwd, env })),
  };
}

function saidBy({ exitCode, stdout, stderr }: { exitCode?: number; stdout: string; stderr: string }): Said {
  return { exitCode, stdout, stderr };
}

export class Begun {
  readonly child: ChildProcess;
  /** Of both streams. */
  said = '';
  #ended: Promise<number | null>;

  constructor(child: ChildProcess) {
    this.child = child;
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (part) => {
        this.said += String(part);
      });
    this.#ended = once(child, 'close').then(([code]) => code as number | null);
  }

  async says(what: RegExp): Promise<void> {
    await until(`${what} in what it says`, async () => (what.test(this.said) ? true : null)).catch((error: Error) => {
      throw new Error(`${error.message}; it said: ${this.said}`);
    });
  }

  /** Its exit code. */
  ended(): Promise<number | null> {
    return this.#ended;
  }
}
