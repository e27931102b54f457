import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { childEnv, type Env, PROJECT_ROOT } from '../../src/platform/env.ts';
import { ensureTrainerPython } from '../../src/platform/python.ts';

/** As trainer/tests/hub_server.py has them. */
export const PUSH_TOKEN = 'hf_writes';
export const READ_TOKEN = 'hf_reads';

export interface PushHubState {
  /** Of each repository the sha256 of its files; a branch is one of its own, called ORG/NAME@BRANCH. */
  newest: Record<string, Record<string, string>>;
  cards: Record<string, string>;
  visibility: Record<string, string>;
  /** Method and path of each request. */
  asked: string[];
}

/** A hub that takes pushes, in a process of its own. */
export class PushHub {
  readonly url: string;
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(url: string, process: ChildProcess, lines: AsyncIterator<string>) {
    this.url = url;
    this.#process = process;
    this.#lines = lines;
  }

  static async start(env: Env): Promise<PushHub> {
    const python = await ensureTrainerPython({ env, onProgress: () => {} });
    const child = spawn(python, ['-m', 'trainer.tests.hub_server'], {
      cwd: PROJECT_ROOT,
      env: childEnv({}),
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const { address } = JSON.parse(String((await lines.next()).value));
    return new PushHub(address, child, lines);
  }

  /** Sets what it does: `fails` (statuses by method and path), `most_objects` that it takes. @returns what it has */
  async set(fields: { fails?: Record<string, number>; most_objects?: number } = {}): Promise<PushHubState> {
    this.#process.stdin?.write(`${JSON.stringify(fields)}\n`);
    return JSON.parse(String((await this.#lines.next()).value));
  }

  async stop(): Promise<void> {
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await ended;
  }
}
