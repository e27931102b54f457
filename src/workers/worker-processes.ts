import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Op } from 'sequelize';
import { childEnv, type Env, PROJECT_ROOT } from '../env.ts';
import type { Logger } from '../logger.ts';
import { Worker } from '../models/worker.ts';
import { processStart } from './process-identity.ts';

const RECONCILE_EVERY_MS = 500;
/** A worker that dies sooner than this after its start counts towards a crash loop. */
const YOUNG_MS = 60_000;
const MOST_YOUNG_DEATHS = 3;
/** After a stop was asked for, a worker that is still there is killed; its run goes on from the last checkpoint. */
const KILL_AFTER_MS = 150_000;

/**
 * Keeps this host's worker processes as the table `workers` wants them: starts those that are wanted and not there,
 * replaces those that died, ends those that are not wanted. It works from what is, not from what happened, so it goes on
 * the same way after the agent was killed: processes that survived are taken over by pid and start time.
 */
export class WorkerProcesses {
  readonly #env: Env;
  readonly #logger: Logger;
  readonly #termedAtMs = new Map<string, number>();
  #youngDeaths = 0;
  #turn: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(env: Env, logger: Logger) {
    this.#env = env;
    this.#logger = logger;
  }

  start(): void {
    const next = () => {
      if (this.#stopped) return;
      this.#timer = setTimeout(() => void this.reconcile().finally(next), RECONCILE_EVERY_MS);
    };
    void this.reconcile().finally(next);
  }

  /** Ends every worker process of this host quickly; they stay wanted, and come back with the agent. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#turn;
    const workers = await Worker.findAll({ where: { host: this.#env.hostName, pid: { [Op.ne]: null } } });
    await Promise.all(
      workers.map(async (worker) => {
        if (!(await isAlive(worker))) return;
        signal(worker, 'SIGINT');
        for (let waitedMs = 0; waitedMs < 7_000 && (await isAlive(worker)); waitedMs += 100) await pause(100);
        if (await isAlive(worker)) signal(worker, 'SIGKILL');
        await worker.update({ pid: null, pid_started: null, status: 'stopped', current_run_id: null });
      }),
    );
  }

  /** One look at every worker of this host. Looks never overlap. */
  reconcile(): Promise<void> {
    this.#turn = this.#turn.then(async () => {
      try {
        const where = { host: this.#env.hostName, [Op.or]: [{ desired: 'running' }, { pid: { [Op.ne]: null } }] };
        for (const worker of await Worker.findAll({ where })) await this.#reconcileOne(worker);
      } catch (error) {
        this.#logger.warn({ err: error }, 'Looking after the workers failed; the next look tries again.');
      }
    });
    return this.#turn;
  }

  async #reconcileOne(worker: Worker): Promise<void> {
    const alive = await isAlive(worker);
    if (worker.desired === 'stopped') {
      if (alive) this.#end(worker);
      else
        await worker.update({
          pid: null,
          pid_started: null,
          status: worker.status === 'error' ? 'error' : 'stopped',
          current_run_id: null,
          stopped_at: new Date(),
        });
    } else if (worker.pid === null) {
      await this.#spawn(worker);
    } else if (!alive) {
      await this.#replace(worker);
    }
  }

  #end(worker: Worker): void {
    const termedAtMs = this.#termedAtMs.get(worker.id);
    if (termedAtMs === undefined) {
      this.#termedAtMs.set(worker.id, Date.now());
      signal(worker, 'SIGTERM');
    } else if (Date.now() - termedAtMs > KILL_AFTER_MS) {
      signal(worker, 'SIGKILL');
    }
  }

  async #spawn(worker: Worker): Promise<void> {
    const logs = join(this.#env.home, 'logs');
    await mkdir(logs, { recursive: true });
    const log = openSync(join(logs, `${worker.id}.log`), 'a');
    try {
      const child = spawn(process.execPath, ['--import', 'tsx', 'src/main.ts', 'worker', '--id', worker.id], {
        cwd: PROJECT_ROOT,
        detached: true,
        stdio: ['ignore', log, log],
        env: childEnv({}),
      });
      child.unref();
      const pid = child.pid ?? null;
      await worker.update({ pid, pid_started: pid === null ? null : await processStart(pid), status: 'starting' });
      this.#logger.info({ workerId: worker.id, pid }, 'Started a training worker.');
    } finally {
      closeSync(log);
    }
  }

  /** A worker that nobody asked to stop is gone: it shows `error`, and another takes its place unless they all die young. */
  async #replace(dead: Worker): Promise<void> {
    const ageMs = Date.now() - dead.started_at.getTime();
    this.#youngDeaths = ageMs < YOUNG_MS ? this.#youngDeaths + 1 : 0;
    const reason = `The worker process ${dead.pid} ended without having been asked to.`;
    this.#logger.warn({ workerId: dead.id, pid: dead.pid }, reason);
    const at = new Date();
    const gaveUp = this.#youngDeaths > MOST_YOUNG_DEATHS;
    await dead.update({
      desired: 'stopped',
      status: 'error',
      pid: null,
      pid_started: null,
      current_run_id: null,
      stopped_at: at,
      reason: gaveUp
        ? `${reason} ${this.#youngDeaths} workers died soon after their start, so it was not replaced; its log is in the logs folder.`
        : reason,
    });
    if (gaveUp) return;
    await Worker.create(newWorker(`worker-${randomBytes(3).toString('hex')}`, this.#env.hostName, dead.id));
  }
}

/** A worker that is wanted and whose process is not there yet. */
export function newWorker(id: string, host: string, replaces: string | null = null) {
  const now = new Date();
  return {
    id,
    host,
    desired: 'running',
    status: 'starting',
    device: 'cpu',
    replaces,
    started_at: now,
    last_activity_at: now,
  } as const;
}

async function isAlive(worker: Worker): Promise<boolean> {
  return worker.pid !== null && worker.pid_started !== null && (await processStart(worker.pid)) === worker.pid_started;
}

function signal(worker: Worker, name: NodeJS.Signals): void {
  if (worker.pid === null) return;
  try {
    process.kill(worker.pid, name);
  } catch {
    // Gone between the look and the signal: what was wanted.
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
