import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { BUILT } from '../../platform/built-files.ts';
import { childEnv, PROJECT_ROOT } from '../../platform/env.ts';
import { ifThere } from '../../platform/files.ts';
import type { Asked, Handed } from '../../platform/handed-listener.ts';
import type { ReadyMessage } from '../../platform/process-lifecycle.ts';
import type { StandIn } from './stand-in.ts';

const START_TIMEOUT_MS = 60_000;
/** A little more than a process gives itself: runUntilStopped. */
const STOP_GRACE_MS = 9_000;
const FIRST_RESTART_DELAY_MS = 500;
const LONGEST_RESTART_DELAY_MS = 15_000;

/**
 * One process of the service (`mtm <command>`), kept running: started again, ever more slowly, when it dies. It ends by
 * itself when we die, because the channel between us closes.
 */
export class ServiceProcess {
  readonly name: string;
  readonly #logFile: string;
  readonly #env: Record<string, string>;
  readonly #stopGraceMs: number;
  readonly #standIn: StandIn | undefined;
  #child: ChildProcess | undefined;
  #gone: Promise<void> = Promise.resolve();
  #stopping = false;
  #restartDelayMs = FIRST_RESTART_DELAY_MS;

  /**
   * @param stopGraceMs how long `stop` waits before it kills
   * @param standIn keeps its port open while it is started again
   */
  constructor(
    name: 'api' | 'orchestrator' | 'host',
    logsDir: string,
    env: Record<string, string>,
    { stopGraceMs = STOP_GRACE_MS, standIn }: { stopGraceMs?: number | undefined; standIn?: StandIn } = {},
  ) {
    this.#standIn = standIn;
    this.name = name;
    this.#logFile = join(logsDir, `${name}.log`);
    this.#env = env;
    this.#stopGraceMs = stopGraceMs;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Resolves when the process says that it is ready. @throws Error with its last words when it ends before. */
  async start(): Promise<ReadyMessage> {
    const child = this.#spawn();
    const outcome = await Promise.race([readyOf(child), this.#gone, after(START_TIMEOUT_MS, 'silent', { ref: false })]);
    if (typeof outcome === 'object') {
      void this.#gone.then(() => this.#restart());
      return outcome;
    }
    const why = outcome === 'silent' ? 'is not ready after a minute' : 'ended at its start';
    throw new Error(`The process ${this.name} ${why}: ${await this.#lastWords()}`);
  }

  /** SIGTERM, and SIGKILL when it takes too long. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#standIn?.end();
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    const killer = setTimeout(() => child.kill('SIGKILL'), this.#stopGraceMs);
    await this.#gone;
    clearTimeout(killer);
  }

  #spawn(): ChildProcess {
    const log = openSync(this.#logFile, 'a');
    try {
      const child = spawn(process.execPath, [BUILT.main, this.name], {
        cwd: PROJECT_ROOT,
        detached: true,
        stdio: ['ignore', log, log, 'ipc'],
        env: childEnv(this.#env),
      });
      this.#child = child;
      child.on('message', (message: ReadyMessage | Asked) => {
        if ('ready' in message) return;
        if (message.asks === 'connections') this.#standIn?.handConnections(child);
        else if (this.#standIn) this.#standIn.handListener(child);
        else child.send({ hands: 'listener' } satisfies Handed);
      });
      this.#gone = new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.once('error', () => resolve());
      });
      return child;
    } finally {
      closeSync(log);
    }
  }

  async #restart(): Promise<void> {
    if (this.#stopping) return;
    this.#standIn?.begin();
    await after(this.#restartDelayMs);
    if (this.#stopping) return;
    this.#restartDelayMs = Math.min(this.#restartDelayMs * 2, LONGEST_RESTART_DELAY_MS);
    const child = this.#spawn();
    void readyOf(child).then(() => {
      this.#restartDelayMs = FIRST_RESTART_DELAY_MS;
    });
    void this.#gone.then(() => this.#restart());
  }

  async #lastWords(): Promise<string> {
    const text = (await ifThere(readFile(this.#logFile, 'utf8'))) ?? '';
    return `${text.trim().split('\n').slice(-4).join('\n')} (log: ${this.#logFile})`;
  }
}

/** Resolves when a process says that it can be used; never, where it does not. */
function readyOf(child: ChildProcess): Promise<ReadyMessage> {
  return new Promise((resolve) =>
    child.on('message', (message: ReadyMessage | Asked) => {
      if ('ready' in message) resolve(message);
    }),
  );
}
