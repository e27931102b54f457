import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { childEnv, PROJECT_ROOT } from '../platform/env.ts';
import { type ProcessEnd, startTrainer, supervise, type TrainerOptions, type TrainerProcess } from './process.ts';

/** What `trainer/warm.py` says. */
type Said = { ready: true } | ({ pid: number } & Partial<ProcessEnd>);

/**
 * Starts trainers as copies of a process that has their libraries loaded: that takes seconds, and a copy has them at once.
 * One trainer at a time. Where that process does not start, or has died, each trainer loads them by itself; so does one
 * that torch.compile is used in, which has to be known before they are loaded.
 */
export class WarmTrainer {
  readonly #python: string;
  readonly #child: ChildProcess;
  readonly #dir = mkdtempSync(join(tmpdir(), 'mtm-warm-'));
  readonly #server: Server;
  readonly #isReady: Promise<boolean>;
  readonly #gone: Promise<void>;
  #isOver = false;
  #onPid: (pid: number) => void = () => {};
  #onEnd: (end: ProcessEnd) => void = () => {};

  constructor(python: string) {
    this.#python = python;
    this.#server = createServer().listen(this.#socketPath);
    this.#server.unref();
    this.#child = spawn(python, ['-u', '-m', 'trainer.warm'], {
      cwd: PROJECT_ROOT,
      stdio: ['pipe', 'pipe', 'inherit'],
      env: childEnv({ PYTHONDONTWRITEBYTECODE: '1' }),
    });
    this.#child.stdin?.on('error', () => {});
    this.#gone = new Promise((resolve) => {
      const over = () => {
        this.#isOver = true;
        this.#server.close();
        rmSync(this.#dir, { recursive: true, force: true });
        // Its copies are killed with it.
        this.#onEnd({ code: null, signal: 'SIGKILL' });
        resolve();
      };
      this.#child.once('exit', over);
      this.#child.once('error', over);
    });
    this.#isReady = new Promise((resolve) => {
      void this.#gone.then(() => resolve(false));
      void this.#hear(() => resolve(true));
    });
  }

  /** Starts the trainer of a run. */
  async start(options: TrainerOptions): Promise<TrainerProcess> {
    const isSame = options.python === this.#python;
    if (!isSame || !(await this.#isReady) || this.#isOver) return await startTrainer(options);
    const ended = new Promise<ProcessEnd>((resolve) => {
      this.#onEnd = resolve;
    });
    const pid = new Promise<number>((resolve) => {
      this.#onPid = resolve;
    });
    const connected = once(this.#server, 'connection') as Promise<[Socket]>;
    const request = { run_file: options.runFile, socket: this.#socketPath, log_file: options.logFile };
    this.#child.stdin?.write(`${JSON.stringify(request)}\n`);
    const channel = await Promise.race([connected.then(([socket]) => socket), ended]);
    if (!('write' in channel)) return await startTrainer(options);
    // One that is killed with commands unread resets the connection. What it told before has been received, and how it
    // ended is told by `ended`.
    const events = channel.pipe(new PassThrough());
    channel.on('error', () => events.end());
    return supervise({ pid: await pid, commands: channel, events, ended }, options);
  }

  /** Ends it, and with it what still runs. */
  async close(): Promise<void> {
    this.#child.stdin?.end();
    await this.#gone;
  }

  get #socketPath(): string {
    return join(this.#dir, 'socket');
  }

  async #hear(onReady: () => void): Promise<void> {
    if (!this.#child.stdout) return;
    for await (const line of createInterface({ input: this.#child.stdout })) {
      const said = JSON.parse(line) as Said;
      if ('ready' in said) onReady();
      else if (said.code === undefined) this.#onPid(said.pid);
      else this.#onEnd({ code: said.code, signal: said.signal ?? null });
    }
  }
}
