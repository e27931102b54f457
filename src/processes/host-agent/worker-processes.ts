import { setTimeout as after } from 'node:timers/promises';
import { Op } from 'sequelize';
import { tellOfLostWorker } from '../../models/notifications/tell-of-machine.ts';
import { type DrainedWorker, drainedWorkers, whyDrained } from '../../models/pool/drain.ts';
import { newWorker, newWorkerId, Worker } from '../../models/pool/worker.ts';
import { connection } from '../../models/runs/run.ts';
import { freeDevice } from '../../platform/devices.ts';
import type { Env } from '../../platform/env.ts';
import type { Logger } from '../../platform/logger.ts';
import { processStart } from '../../platform/process-identity.ts';
import { CrashBackOff } from './crash-back-off.ts';
import { endOf, isAlive, KILLED, lastWords, signal, spawnWorker } from './worker-process.ts';

const RECONCILE_EVERY_MS = 500;
/** After a stop was asked for, a worker that is still there is killed; its run goes on from the last checkpoint. */
const KILL_AFTER_MS = 150_000;
/** Beyond MTM_STOP_GRACE_MS: a worker whose trainer was cut off hands its run back, and ends. */
const HAND_BACK_MS = 2_000;

/** The longest that `stop` takes before it kills. */
export function stopTimeMs({ stopGraceMs }: Pick<Env, 'stopGraceMs'>): number {
  return stopGraceMs + HAND_BACK_MS;
}

/**
 * Keeps this host's worker processes as the table `workers` wants them: starts those that are wanted and not there,
 * replaces those that died, ends those that are not wanted. It works from what is, not from what happened, so it goes on
 * the same way after the agent was killed, or was cut off: processes that survived are taken over by pid and start time.
 */
export class WorkerProcesses {
  readonly #env: Env;
  readonly #devices: string[];
  readonly #logger: Logger;
  readonly #backOff = new CrashBackOff();
  readonly #termedAtMs = new Map<string, number>();
  /** Workers whose process we saw alive. One that was dead when we came died with the machine, or with its agent. */
  readonly #seen = new Set<string>();
  /** How processes of ours ended. Of those that an earlier agent started, nobody knows. */
  readonly #ends = new Map<string, Promise<string>>();
  #turn: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(env: Env, devices: string[], logger: Logger) {
    this.#env = env;
    this.#devices = devices;
    this.#logger = logger;
  }

  start(): void {
    const next = () => {
      if (this.#stopped) return;
      this.#timer = setTimeout(() => void this.reconcile().finally(next), RECONCILE_EVERY_MS);
    };
    void this.reconcile().finally(next);
  }

  /** Ends every worker process of this host within `stopTimeMs`; they stay wanted, and come back with the agent. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#turn;
    const workers = await Worker.findAll({ where: { host: this.#env.hostName, pid: { [Op.ne]: null } } });
    await Promise.all(
      workers.map(async (worker) => {
        if (!(await isAlive(worker))) return;
        signal(worker, 'SIGINT');
        const deadline = performance.now() + stopTimeMs(this.#env);
        while (performance.now() < deadline && (await isAlive(worker))) await after(100);
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
        // First: who sees a drain sees also what was claimed before it (see drainForClaim).
        const drained = await drainedWorkers({ host: this.#env.hostName });
        for (const worker of await Worker.findAll({ where }))
          await this.#reconcileOne(
            worker,
            drained.find(({ id }) => id === worker.id),
          );
      } catch (error) {
        this.#logger.warn({ err: error }, 'Looking after the workers failed; the next look tries again.');
      }
    });
    return this.#turn;
  }

  async #reconcileOne(worker: Worker, drained: DrainedWorker | undefined): Promise<void> {
    const alive = await isAlive(worker);
    if (worker.desired === 'stopped') {
      if (alive) this.#end(worker);
      else await this.#noteEnd(worker);
    } else if (worker.pid === null) {
      if (drained) await this.#park(worker, whyDrained(drained));
      else await this.#startWhenDue(worker);
    } else if (alive) {
      this.#seen.add(worker.id);
      this.#backOff.lives(worker.started_at.getTime());
      if (worker.lost_at !== null) await this.#takeBack(worker);
      if (drained?.leaves) this.#end(worker);
    } else if (this.#termedAtMs.has(worker.id) || (drained && worker.status === 'stopped')) {
      await this.#park(worker, drained ? whyDrained(drained) : null);
    } else {
      await this.#replace(worker);
    }
  }

  /** A worker that is drained, and empty, stays wanted: it is started again when the drain ends. */
  async #park(worker: Worker, reason: string | null): Promise<void> {
    if (worker.pid === null && worker.status === 'stopped' && worker.reason === reason) return;
    const ended = { pid: null, pid_started: null, current_run_id: null, start_after: null, lost_at: null };
    await worker.update({ ...ended, status: 'stopped', reason });
    this.#forget(worker.id);
    this.#logger.info({ workerId: worker.id }, 'A training worker is drained.');
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

  async #noteEnd(worker: Worker): Promise<void> {
    await worker.update({
      pid: null,
      pid_started: null,
      status: worker.status === 'error' ? 'error' : 'stopped',
      current_run_id: null,
      stopped_at: new Date(),
      lost_at: null,
    });
    this.#forget(worker.id);
  }

  #forget(workerId: string): void {
    for (const known of [this.#termedAtMs, this.#seen, this.#ends]) known.delete(workerId);
  }

  /** The host was away, and this process lived on: the worker itself will say what it does. */
  async #takeBack(worker: Worker): Promise<void> {
    await worker.update({ lost_at: null, reason: null, status: 'starting' });
    this.#logger.info({ workerId: worker.id, pid: worker.pid }, 'Took over a training worker that was lost.');
  }

  async #startWhenDue(worker: Worker): Promise<void> {
    if (worker.start_after !== null && worker.start_after.getTime() > Date.now()) return;
    const others = await Worker.findAll({ where: { host: worker.host, pid: { [Op.ne]: null } } });
    // The one that it replaces is still saving: two at once would be more than are wanted.
    if (others.some(({ id }) => id === worker.replaces)) return;
    // The device of one that is drained alone may be what somebody works on.
    const kept = await Worker.findAll({
      where: { host: worker.host, pid: null, desired: 'running', drain: { [Op.ne]: null } },
    });
    const taken = [...others, ...kept].map(({ device }) => device);
    const device = freeDevice(this.#devices, taken);
    if (device !== null) return await this.#start(worker, device);
    const reason = `It waits for a free device: ${this.#devices.join(', ')} of host ${worker.host} are taken by other workers.`;
    if (worker.reason !== reason) await worker.update({ reason });
  }

  async #start(worker: Worker, device: string): Promise<void> {
    const child = await spawnWorker(this.#env, worker.id, device);
    this.#ends.set(worker.id, endOf(child));
    const pid = child.pid ?? null;
    await worker.update({
      pid,
      pid_started: pid === null ? null : await processStart(pid),
      device,
      status: 'starting',
      reason: null,
      lost_at: null,
      start_after: null,
      heartbeat_at: null,
      started_at: new Date(),
    });
    this.#seen.add(worker.id);
    this.#logger.info({ workerId: worker.id, pid, device }, 'Started a training worker.');
  }

  /** A worker that nobody asked to stop is gone: it shows `error`, and another takes its place, later if they die young. */
  async #replace(dead: Worker): Promise<void> {
    const waitMs = this.#seen.has(dead.id) ? this.#backOff.died(dead.started_at.getTime()) : 0;
    const reason = await this.#reasonOfDeath(dead);
    this.#logger.warn({ workerId: dead.id, pid: dead.pid, waitMs }, reason);
    const start_after = waitMs > 0 ? new Date(Date.now() + waitMs) : null;
    const waits = `${this.#backOff.youngDeaths} workers of host ${dead.host} ended soon after their start, so it waits for ${waitMs / 1_000} s. The last was ${dead.id}: ${reason}`;
    const { drain, drain_asked_at } = dead;
    const place = { ...newWorker(newWorkerId(), dead.host, dead.id), drain, drain_asked_at };
    // Both or neither: an agent that is killed in between must not lose the place.
    const { id, host, device, current_run_id: run_id } = dead;
    await connection().transaction(async (transaction) => {
      const ended = { pid: null, pid_started: null, current_run_id: null, stopped_at: new Date(), lost_at: null };
      await dead.update({ ...ended, desired: 'stopped', status: 'error', reason }, { transaction });
      await Worker.create({ ...place, start_after, reason: waitMs > 0 ? waits : null }, { transaction });
      await tellOfLostWorker({ id, host, device, run_id }, reason, transaction);
    });
    this.#forget(dead.id);
  }

  async #reasonOfDeath(dead: Worker): Promise<string> {
    // It is gone, which may be seen before it is heard: how it ended comes at once.
    const end = await this.#ends.get(dead.id);
    const how = `The worker process ${dead.pid} ended without having been asked to${end ? ` (${end})` : ''}`;
    // Nothing can say anything about its own SIGKILL: the last line would be about something else.
    if (end === KILLED) return `${how}, by a person, or by the kernel since memory ran out.`;
    const words = await lastWords(this.#env, dead.id);
    return words === '' ? `${how}.` : `${how}. Last line of its log: ${words}`;
  }
}
