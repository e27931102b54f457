import { mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import pg from 'pg';
import type { Env } from '../../src/platform/env.ts';
import { toVariables } from '../../src/platform/env-variables.ts';
import { ServiceProcess } from '../../src/processes/start/service-process.ts';
import { LossyProxy } from '../support/lossy-proxy.ts';
import { processesOf } from '../support/processes.ts';
import { Receiver } from '../support/receiver.ts';
import { type OutsideServers, startOutsideServers } from '../support/servers.ts';
import { startServiceWithServers, type TestService, until } from '../support/service.ts';
import { mountSmallDisk, type SmallDisk } from '../support/small-disk.ts';
import { CarefulClient } from './careful-client.ts';
import { FilesShim } from './files-shim.ts';
import { FIRST_RUN_ID } from './long-queue.ts';
import { replaceablePython } from './python-strike.ts';
import { DATASETS, requestFor, type Spec } from './specs.ts';
import { Watch } from './watch.ts';

const HOSTS = ['host-a', 'host-b'] as const;
/** Longer than a step takes when all cores are busy with the loading of other trainers. */
const STALL_TIMEOUT_MS = 10_000;
/** Of the disk that holds the runs: more than a paused run waits for. */
export const DISK_SIZE = '4g';
/** Folders of a home in which file calls are watched. */
const WATCHED = ['runs', 'outputs', 'mixtures', 'uploads', 'datasets', 'models'];
const TOP_UP_EVERY_MS = 1_000;

/** A job or project that the API acknowledged, and its run. */
export interface Submitted {
  owner: Spec['owner'];
  ownerId: number;
  runId: number;
  workflowId: string;
}

/** What somebody did to a run's folders that is a reason to fail, if its sentence names it. */
export interface MayFail {
  because: RegExp;
  /** The link that was put in place of a folder, which lies beside it as `.moved`, and where it leads. */
  link: string;
  elsewhere: string;
}

/** The real stack: API, orchestrator, two host agents with workers, and outside a PostgreSQL and a Temporal. */
export class ChaosWorld {
  readonly service: TestService;
  readonly api: CarefulClient;
  readonly servers: OutsideServers;
  readonly database: pg.Pool;
  readonly temporal: Client;
  readonly watch: Watch;
  /** Where runs keep their checkpoints; null where no disk can be mounted. */
  readonly disk: SmallDisk | null;
  /** What stands between the service and its files; null where there is no C compiler. */
  readonly files: FilesShim | null;
  /** Between the service and PostgreSQL. */
  readonly proxy: LossyProxy;
  /** The trainer's Python: a program of ours that becomes it. */
  readonly python: string;
  readonly workerCount: number;
  /** Runs that were cancelled, and whether the API acknowledged it: an answer may get lost with the API. */
  readonly cancels = new Map<number, 'asked' | 'acknowledged'>();
  /** What links for folders are to be the reason of, by run. */
  readonly mayFail = new Map<number, MayFail>();
  /** Runs of which a checkpoint was damaged by hand. */
  readonly damaged = new Set<number>();
  /** What a fault found that no single run broke. */
  readonly violations: string[] = [];
  /** What losses of power took. */
  readonly losses: string[] = [];
  /** Hears of every run by webhooks, which this secret signs. */
  readonly receiver = new Receiver();
  receiverSecret = '';
  /** Runs that were pinned, and how many checkpoints each had then. */
  readonly pinned: { runId: number; root: string; checkpoints: number }[] = [];
  readonly datasetIds: number[] = [];
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
    files: FilesShim | null;
    proxy: LossyProxy;
    python: string;
    workerCount: number;
    removeService: () => Promise<void>;
  }) {
    this.service = parts.service;
    this.api = new CarefulClient(parts.service.apiUrl);
    this.servers = parts.servers;
    this.#secondHost = parts.secondHost;
    this.disk = parts.disk;
    this.files = parts.files;
    this.proxy = parts.proxy;
    this.python = parts.python;
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
    const { temporalAddress } = servers;
    const { heartbeatTimeoutMs, workerCount } = options;
    const notTried = (sentence: string) => options.onProgress(`Not tried: ${sentence}.`);
    const proxy = await LossyProxy.open(servers.databaseUrl);
    const databaseUrl = proxy.urlOf(servers.databaseUrl);
    const python = await replaceablePython(servers.home);
    const home = await mkdtemp(join(tmpdir(), 'mtm-test-'));
    const files = await FilesShim.build(
      WATCHED.map((folder) => join(home, folder)),
      notTried,
    );
    // After PostgreSQL and Temporal were started: theirs are not our files.
    if (files) Object.assign(process.env, files.variables);
    const { service, remove: removeService } = await startServiceWithServers({
      home,
      outputRoots: [join(home, 'outputs')],
      modelCache: join(home, 'models'),
      ollamaStore: join(home, 'ollama'),
      python,
      databaseUrl,
      temporalAddress,
      webhooksAllowPrivate: true,
      heartbeatTimeoutMs,
      stallTimeoutMs: STALL_TIMEOUT_MS,
      hostName: HOSTS[0],
    });
    const secondEnv: Env = { ...service.env, hostName: HOSTS[1] };
    const secondHost = new ServiceProcess('host', join(service.env.home, 'logs', HOSTS[1]), toVariables(secondEnv));
    const runs = join(service.env.home, 'runs');
    await mkdir(runs, { recursive: true });
    const disk = await mountSmallDisk(runs, DISK_SIZE, notTried);
    const world = new ChaosWorld({
      service,
      servers,
      secondHost,
      disk,
      files,
      proxy,
      python,
      workerCount,
      removeService,
    });
    await world.query(`SELECT setval(pg_get_serial_sequence('runs', 'id'), ${FIRST_RUN_ID - 1})`, []);
    await mkdir(join(service.env.home, 'logs', HOSTS[1]), { recursive: true });
    await secondHost.start();
    await world.receiver.start();
    const hook = { kind: 'webhook', name: 'chaos', url: world.receiver.url };
    const { status, body: target } = await world.api.call('POST', '/notification-targets/', hook);
    if (status !== 201) throw new Error(`POST /notification-targets/: ${JSON.stringify(target)}`);
    world.receiverSecret = String(target.secret);
    for (const [place, rows] of DATASETS.entries()) {
      const { body } = await service.upload(`rows-${place}.csv`, rows);
      world.datasetIds.push(Number(body.id));
    }
    await world.api.call('PATCH', '/config/', { max_concurrent_workers: 2 * workerCount });
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
    await this.api.call('POST', '/workers/', { action: 'stop' }).catch(() => {});
    await this.#secondHost.stop();
    await this.database.end();
    await this.temporal.connection.close();
    await this.disk?.unmount();
    await this.#removeService();
    const left = await processesOf(this.service.env.home);
    for (const { pid } of left) process.kill(pid, 'SIGKILL');
    await this.receiver.stop();
    await this.proxy.close();
    await this.servers.remove();
    if (this.files) for (const name of Object.keys(this.files.variables)) delete process.env[name];
    await this.files?.remove();
    return left.map(({ pid, command }) => `${pid} ${command}`);
  }

  /**
   * Creates and starts a run; the same request is sent once more after its answer, and must give the same.
   * @param isLost whether answers to COMMITs are lost meanwhile
   */
  async submit(spec: Spec, name: string, isLost = false): Promise<Submitted> {
    const { path, body } = requestFor(spec, name, this.datasetIds);
    if (isLost) this.proxy.loseCommits(4);
    const first = await this.api.persist('POST', path, body, name);
    const again = await this.api.persist('POST', path, body, name);
    if (isLost) this.proxy.loseCommits(0);
    if (first.status !== 201 || first.body.id !== again.body.id) {
      throw new Error(`POST ${path} ${name}: ${JSON.stringify(first)}, and again: ${JSON.stringify(again)}`);
    }
    const ownerId = Number(first.body.id);
    if (spec.owner === 'project') {
      const started = await this.api.persist('POST', `/projects/${ownerId}/start`, undefined, `${name} start`);
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

  /** Whether there is what a fault needs. */
  has(what: 'disk' | 'files' | undefined): boolean {
    return what === undefined || this[what] !== null;
  }

  /** Does `work` while another orchestrator runs beside the one that there is. */
  async withSpareOrchestrator(work: () => Promise<void>): Promise<void> {
    const logs = join(this.service.env.home, 'logs', 'spare');
    await mkdir(logs, { recursive: true });
    const spare = new ServiceProcess('orchestrator', logs, toVariables(this.service.env));
    await spare.start();
    try {
      await work();
    } finally {
      await spare.stop();
    }
  }

  /** Every process of the service. */
  async processes(): Promise<number[]> {
    return (await processesOf(this.service.env.home)).map(({ pid }) => pid);
  }

  /** Where links for folders lead, each to a folder of its own. */
  get elsewhere(): string {
    return join(this.servers.home, 'elsewhere');
  }

  /** Rows of a query, asked again while the database is away. */
  async query<Row extends pg.QueryResultRow>(sql: string, values: unknown[]): Promise<Row[]> {
    return await until('the database to answer', async () => {
      try {
        // Of several statements there are several results, which nobody asks for.
        return (await this.database.query<Row>(sql, values)).rows ?? [];
      } catch (error) {
        // A mistake in the statement stays one; every other failure is the server's absence.
        if (error instanceof pg.DatabaseError && /^(23|42)/.test(error.code ?? '')) throw error;
        return null;
      }
    });
  }

  async workers(): Promise<{ id: string; host: string; pid: number | null; status: string }[]> {
    return await this.query(`SELECT id, host, pid, status FROM workers WHERE desired = 'running'`, []);
  }

  async isHealthy(): Promise<boolean> {
    const answer = await this.api.call('GET', '/health').catch(() => null);
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
      if (missing > 0)
        await this.api.call('POST', '/workers/', { action: 'start', worker_count: missing }).catch(() => {});
      await after(TOP_UP_EVERY_MS);
    }
  }
}
