import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import pg from 'pg';
import type { Env } from '../../src/env.ts';
import { toVariables } from '../../src/env.ts';
import { ServiceProcess } from '../../src/local/service-process.ts';
import { processesOf } from '../support/processes.ts';
import { type OutsideServers, startOutsideServers } from '../support/servers.ts';
import { startServiceWithServers, type TestService, until } from '../support/service.ts';
import { mountSmallDisk, type SmallDisk } from '../support/small-disk.ts';
import { DATASETS, requestFor, type Spec } from './specs.ts';
import { Watch } from './watch.ts';

const HOSTS = ['host-a', 'host-b'] as const;
/** Longer than a step takes when all cores are busy with the loading of other trainers. */
const STALL_TIMEOUT_MS = 10_000;
/** Of the disk that holds the runs: more than a paused run waits for. */
export const DISK_SIZE = '4g';
const CALL_TIMEOUT_MS = 15_000;
const TOP_UP_EVERY_MS = 1_000;

export interface Answer {
  status: number;
  body: Record<string, unknown>;
}

/** A job or project that the API acknowledged, and its run. */
export interface Submitted {
  owner: Spec['owner'];
  ownerId: number;
  runId: number;
  workflowId: string;
}

/** The real stack: API, orchestrator, two host agents with workers, and outside a PostgreSQL and a Temporal. */
export class ChaosWorld {
  readonly service: TestService;
  readonly servers: OutsideServers;
  readonly database: pg.Pool;
  readonly temporal: Client;
  readonly watch: Watch;
  /** Where runs keep their checkpoints; null where no disk can be mounted. */
  readonly disk: SmallDisk | null;
  readonly workerCount: number;
  /** Runs that were cancelled, and whether the API acknowledged it: an answer may get lost with the API. */
  readonly cancels = new Map<number, 'asked' | 'acknowledged'>();
  #datasetIds: number[] = [];
  #secondHost: ServiceProcess;
  #removeService: () => Promise<void>;
  #turn: Promise<unknown> = Promise.resolve();
  #stopped = false;
  #toppingUp: Promise<void> = Promise.resolve();

  private constructor(parts: {
    service: TestService;
    servers: OutsideServers;
    secondHost: ServiceProcess;
    disk: SmallDisk | null;
    workerCount: number;
    removeService: () => Promise<void>;
  }) {
    this.service = parts.service;
    this.servers = parts.servers;
    this.#secondHost = parts.secondHost;
    this.disk = parts.disk;
    this.workerCount = parts.workerCount;
    this.#removeService = parts.removeService;
    this.database = new pg.Pool({
      connectionString: parts.servers.databaseUrl,
      max: 8,
      connectionTimeoutMillis: 3_000,
      query_timeout: 10_000,
    });
    // A PostgreSQL that is killed ends idle connections: the next query tells.
    this.database.on('error', () => {});
    const connection = Connection.lazy({ address: parts.servers.temporalAddress });
    this.temporal = new Client({ connection });
    this.watch = new Watch(this.database, parts.service.env.home);
  }

  static async create(options: {
    workerCount: number;
    heartbeatTimeoutMs: number;
    onProgress: (line: string) => void;
  }): Promise<ChaosWorld> {
    const servers = await startOutsideServers();
    const { databaseUrl, temporalAddress } = servers;
    const { heartbeatTimeoutMs, workerCount } = options;
    const { service, remove: removeService } = await startServiceWithServers({
      databaseUrl,
      temporalAddress,
      heartbeatTimeoutMs,
      stallTimeoutMs: STALL_TIMEOUT_MS,
      hostName: HOSTS[0],
    });
    const secondEnv: Env = { ...service.env, hostName: HOSTS[1] };
    const secondHost = new ServiceProcess('host', join(service.env.home, 'logs', HOSTS[1]), toVariables(secondEnv));
    const runs = join(service.env.home, 'runs');
    await mkdir(runs, { recursive: true });
    const disk = await mountSmallDisk(runs, DISK_SIZE, (sentence) => options.onProgress(`Not tried: ${sentence}.`));
    const world = new ChaosWorld({ service, servers, secondHost, disk, workerCount, removeService });
    await mkdir(join(service.env.home, 'logs', HOSTS[1]), { recursive: true });
    await secondHost.start();
    for (const [place, rows] of DATASETS.entries()) {
      const { body } = await service.upload(`rows-${place}.csv`, rows);
      world.#datasetIds.push(Number(body.id));
    }
    await world.call('PATCH', '/config/', { max_concurrent_workers: 2 * workerCount });
    world.watch.start();
    world.#toppingUp = world.#topUp();
    await until('the workers to be there', async () =>
      (await world.workers()).filter(({ status }) => status === 'idle').length === workerCount ? true : null,
    );
    return world;
  }

  /** Ends everything. Returns the processes that were left, which there should not be; they are killed. */
  async remove(): Promise<string[]> {
    this.#stopped = true;
    // A server that is away now comes back before it is ended for good.
    await Promise.all([this.#toppingUp, this.#turn]);
    await this.watch.stop();
    await this.call('POST', '/workers/', { action: 'stop' }).catch(() => {});
    await this.#secondHost.stop();
    await this.database.end();
    await this.temporal.connection.close();
    await this.disk?.unmount();
    await this.#removeService();
    const left = await processesOf(this.service.env.home);
    for (const { pid } of left) process.kill(pid, 'SIGKILL');
    await this.servers.remove();
    return left.map(({ pid, command }) => `${pid} ${command}`);
  }

  /** One request, with one try. Rejects when the API does not answer. */
  async call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const response = await fetch(`${this.service.apiUrl}/api/v1${path}`, {
      method,
      headers: { ...headers, ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
    });
    const text = await response.text();
    return { status: response.status, body: (text ? JSON.parse(text) : {}) as Record<string, unknown> };
  }

  /** Sends a request as a careful client does: again, with the same key, until there is an answer that is not "later". */
  async persist(method: string, path: string, body: unknown, key: string): Promise<Answer> {
    return await until(`an answer to ${method} ${path}`, async () => {
      const answer = await this.call(method, path, body, { 'Idempotency-Key': encodeURIComponent(key) }).catch(
        () => null,
      );
      return answer && answer.status < 500 ? answer : null;
    });
  }

  /** Creates and starts a run; the same request is sent once more after its answer, and must give the same. */
  async submit(spec: Spec, name: string): Promise<Submitted> {
    const { path, body } = requestFor(spec, name, this.#datasetIds);
    const first = await this.persist('POST', path, body, name);
    const again = await this.persist('POST', path, body, name);
    if (first.status !== 201 || first.body.id !== again.body.id) {
      throw new Error(`POST ${path} ${name}: ${JSON.stringify(first)}, and again: ${JSON.stringify(again)}`);
    }
    const ownerId = Number(first.body.id);
    if (spec.owner === 'project') {
      const started = await this.persist('POST', `/projects/${ownerId}/start`, undefined, `${name} start`);
      if (started.status !== 200) throw new Error(`Project ${ownerId} did not start: ${JSON.stringify(started)}`);
    }
    const [run] = await this.query<{ id: number; workflow_id: string }>(
      `SELECT id, workflow_id FROM runs WHERE ${spec.owner}_id = $1 ORDER BY number`,
      [ownerId],
    );
    if (!run) throw new Error(`${name} was acknowledged and has no run.`);
    this.watch.follow(run.id);
    return { owner: spec.owner, ownerId, runId: run.id, workflowId: run.workflow_id };
  }

  /** Rows of a query, asked again while the database is away. */
  async query<Row extends pg.QueryResultRow>(sql: string, values: unknown[]): Promise<Row[]> {
    return await until('the database to answer', async () => {
      try {
        return (await this.database.query<Row>(sql, values)).rows;
      } catch (error) {
        // A mistake in the statement stays one; every other failure is the server's absence.
        if (error instanceof pg.DatabaseError && error.code?.startsWith('42')) throw error;
        return null;
      }
    });
  }

  async workers(): Promise<{ id: string; host: string; pid: number | null; status: string }[]> {
    return await this.query(`SELECT id, host, pid, status FROM workers WHERE desired = 'running'`, []);
  }

  async isHealthy(): Promise<boolean> {
    const answer = await this.call('GET', '/health').catch(() => null);
    return answer?.body.status === 'healthy';
  }

  /** A part of the service by its command, as `api`. */
  async processOf(command: string): Promise<number | null> {
    const pattern = new RegExp(`main\\.js ${command}\\s*$`);
    return (await processesOf(this.service.env.home)).find((found) => pattern.test(found.command))?.pid ?? null;
  }

  /** Faults that hit the whole service one after another: two at once could keep each other from ever healing. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(() => {
      if (this.#stopped) throw new Error('The world is ending.');
      return work();
    });
    this.#turn = turn.catch(() => {});
    return turn;
  }

  /** What a person does who wants so many workers: looks now and then, and asks for those that are missing. */
  async #topUp(): Promise<void> {
    while (!this.#stopped) {
      const present = await this.database
        .query<{ n: number }>(`SELECT count(*)::int AS n FROM workers WHERE desired = 'running'`)
        .then(({ rows }) => rows[0]?.n ?? this.workerCount)
        .catch(() => this.workerCount);
      const missing = this.workerCount - present;
      if (missing > 0) await this.call('POST', '/workers/', { action: 'start', worker_count: missing }).catch(() => {});
      await after(TOP_UP_EVERY_MS);
    }
  }
}
