import assert from 'node:assert/strict';
import pg from 'pg';
import { measureStorage } from '../../src/activities/storage/measure.ts';
import { findDue } from '../../src/commands/storage/clean.ts';
import { connectOrchestration, type Orchestration } from '../../src/commands/workflows/client.ts';
import { Run } from '../../src/models/runs/run.ts';
import { STORAGE_KINDS } from '../../src/models/storage/retention.ts';
import { Dispatcher } from '../../src/processes/orchestrator/dispatcher.ts';
import { downloadDispatcher } from '../../src/processes/orchestrator/download-dispatcher.ts';
import { exportDispatcher } from '../../src/processes/orchestrator/export-dispatcher.ts';
import { PoolKeeper } from '../../src/processes/orchestrator/pool-keeper.ts';
import { Reconciler } from '../../src/processes/orchestrator/reconciler.ts';
import { sweepDispatcher } from '../../src/processes/orchestrator/sweep-dispatcher.ts';
import { Tidying } from '../../src/processes/orchestrator/tidy.ts';
import { keepIdsUnique } from '../../src/runs/ids-on-disk.ts';
import { type ApiOnly, startTestApi } from '../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../support/database.ts';
import { captureLog } from '../support/log-lines.ts';
import { DocumentedAnswers } from '../support/openapi.ts';
import { createNamespace, sharedServers } from '../support/shared-servers.ts';
import {
  differentOnes,
  hearStatements,
  type LargeRead,
  largeReads,
  type Statement,
  tablesLargerThan,
} from '../support/statements.ts';
import { addYear, buildPatterns } from '../support/year.ts';

/** More than any page, run or look has to read of a table; each table below has some times as many. */
const MOST_ROWS = 1_000;
const SIZES = { runs: 5_000, stepsOfRun: 40, eventsOfRun: 20, others: 5_000 };

/** What has to be large here, since it is after a year. */
const TABLES = [
  'run_metrics',
  'run_events',
  'runs',
  'jobs',
  'checkpoints',
  'audit',
  'idempotency_keys',
  'workers',
  'exports',
  'storage_removals',
];

interface Allowed {
  why: string;
  /** What has to be in the statement. */
  text: RegExp;
  /** What it may read: things that people make, and never what these write. */
  tables: string[];
}

const LISTED = ['runs', 'jobs', 'projects', 'datasets'];
const ALLOWED: Allowed[] = [
  {
    why: 'The answer of a list says how many there are.',
    text: /^SELECT count\(/,
    tables: [...LISTED, 'sweeps', 'model_downloads', 'storage_removals'],
  },
  {
    why: 'A part of two letters has no trigram, a run has the name of its job or project, and of few rows PostgreSQL rather reads all.',
    text: /ILIKE/,
    tables: ['runs', 'jobs', 'datasets'],
  },
  {
    why: 'Runs have the names of their jobs and projects: no index has both.',
    text: /ORDER BY coalesce\("job"\."name", "project"\."name"\)/,
    tables: ['runs', 'jobs'],
  },
  {
    why: 'A run is of the type of its job, or of its project at the time.',
    text: /WHERE \(coalesce\("job"\."training_type"/,
    tables: ['runs', 'jobs'],
  },
  {
    why: "OpenAI's list of models has no pages, and its clients are given the newest.",
    text: /"spec"#>>'\{training_type\}'|"openai_jobs"|"Job"\."id" IN/,
    tables: ['runs', 'jobs'],
  },
];

function isAllowed({ text, tables }: Allowed, { statement, table }: LargeRead): boolean {
  return text.test(statement.text) && tables.includes(table);
}

function inWords({ statement, table, how, rows, plan }: LargeRead): string {
  return `${statement.during}: ${rows} rows of ${table} by ${how}\n${statement.text.slice(0, 1_500)}\n${plan}`;
}

/** What else is asked: other pages, orders and conditions of lists, and what OpenAI's clients ask. */
const ALSO = [
  ...['runs', 'jobs', 'projects', 'datasets'].flatMap((list) =>
    ['page=2&sort=id', 'sort=-name', 'sort=created_at', 'ids=3,4', 'name=000321', 'search=000321', 'search=job-12'].map(
      (query) => `/api/v1/${list}/?${query}`,
    ),
  ),
  ...['jobs', 'projects'].flatMap((list) =>
    ['status=failed', 'status=running', 'status=pending'].map((query) => `/api/v1/${list}/?${query}`),
  ),
  ...[
    'status=open&sort=id',
    'status=ended&sort=-completed_at&page_size=8',
    'status=failed',
    'status=completed',
    'kind=project',
    'training_type=rag',
    'sort=completed_at',
    'sort=-completed_at',
    `completed_after=${new Date(Date.now() - 86_400_000).toISOString()}`,
    `created_after=${new Date(Date.now() - 86_400_000).toISOString()}`,
  ].map((query) => `/api/v1/runs/?${query}`),
  ...['who=key 1', 'entity=job', 'entity=job&entity_id=5', 'outcome=refused', 'after=1700000000000-5'].map(
    (query) => `/api/v1/audit/?${query}`,
  ),
  ...[
    'files?limit=20',
    'models',
    'fine_tuning/jobs',
    'fine_tuning/jobs/ftjob-7',
    'fine_tuning/jobs/ftjob-7/events',
    'fine_tuning/jobs/ftjob-7/checkpoints',
    'files/file-7',
  ].map((path) => `/v1/${path}`),
  '/v1/fine_tuning/jobs?after=ftjob-7',
  '/v1/files?after=file-7&limit=20&purpose=fine-tune',
  '/metrics',
];

describe('a database of a year', function () {
  this.timeout(120_000);
  let database: TestDatabase;
  let api: ApiOnly;
  let orchestration: Orchestration;
  let ids: Record<string, number | string>;
  let document: DocumentedAnswers;

  before(async () => {
    database = await startTestDatabase();
    const shared = sharedServers();
    const temporal = shared
      ? { temporalAddress: shared.temporalAddress, temporalNamespace: await createNamespace(shared) }
      : {};
    api = await startTestApi(database, temporal, { figuresFreshMs: 0 });
    orchestration = connectOrchestration(api.env);
    const patterns = await buildPatterns(database, `${database.home}/outputs`);
    const { lastRunId } = await addYear(database.url, patterns, SIZES);
    const [job, project] = await Promise.all(
      (['job_id', 'project_id'] as const).map((owner) =>
        Run.findOne({ where: { status: 'completed' }, order: [[owner, 'DESC NULLS LAST']] }),
      ),
    );
    ids = { '/jobs': Number(job?.job_id), '/projects': Number(project?.project_id), other: lastRunId };
    document = new DocumentedAnswers((await (await fetch(`${api.url}/api/v1/openapi.json`)).json()) as never);
  });
  after(async () => {
    await orchestration?.close();
    await api?.close();
    await database?.remove();
  });

  /** An address for each GET of the document. */
  function pathOf(operation: string): string[] {
    const [method, path = ''] = operation.split(' ');
    if (method !== 'GET') return [];
    const owner = /^\/(jobs|projects)/.exec(path)?.[0] ?? '';
    return [`/api/v1${path.replace('{id}', String(ids[owner] ?? 1)).replaceAll(/\{\w+\}/g, '1')}`];
  }

  /** What the orchestrator does again and again, and what a start does. */
  function rounds(): [string, () => Promise<unknown>][] {
    const { logger } = captureLog();
    const { env } = api;
    return [
      ['dispatcher', () => new Dispatcher(env, orchestration, logger).sweep()],
      ['dispatcher of downloads', () => downloadDispatcher(orchestration).pass()],
      ['dispatcher of exports', () => exportDispatcher(orchestration).pass()],
      ['dispatcher of sweeps', () => sweepDispatcher(orchestration).pass()],
      ['reconciler', () => new Reconciler(env, orchestration, logger).look()],
      ['keeper of the pool', () => new PoolKeeper(orchestration, logger).look()],
      ['measuring storage', () => measureStorage(env)],
      ['what is due', () => findDue(env, STORAGE_KINDS)],
      ['tidying up', () => new Tidying(env, logger).pass()],
      ['ids of a start', () => keepIdsUnique(database.url, env.home)],
    ];
  }

  // Take NOT MATERIALIZED out of src/models/pool/pool-progress.ts, or one of workers_asked and workers_died out of 0037-lists-of-a-year.ts, and it fails.
  it('is not read as a whole by any statement of the service', async () => {
    const { heard, during, stop } = hearStatements();
    try {
      for (const path of [...document.operations().flatMap(pathOf), ...ALSO]) {
        during(`GET ${path}`);
        const response = await fetch(`${api.url}${path}`, { signal: AbortSignal.timeout(60_000) }).catch((cause) => {
          throw new Error(`GET ${path} did not answer.`, { cause });
        });
        assert.notEqual(response.status, 500, path);
        await response.body?.cancel();
      }
      for (const [name, round] of rounds()) {
        during(name);
        await round();
      }
    } finally {
      stop();
    }
    const large = await readsOf(differentOnes(heard));
    const refused = large.filter((read) => !ALLOWED.some((allowed) => isAllowed(allowed, read)));
    assert.deepEqual(refused.map(inWords), [], 'a statement reads a table as a whole');
    for (const allowed of ALLOWED)
      assert.ok(
        large.some((read) => isAllowed(allowed, read)),
        `Nothing needs to be allowed any more: ${allowed.why}`,
      );
    console.log(`      ${differentOnes(heard).length} statements`);
  });

  async function readsOf(statements: Statement[]): Promise<LargeRead[]> {
    const client = new pg.Client(database.url);
    await client.connect();
    try {
      const reads: LargeRead[] = [];
      const tables = await tablesLargerThan(client, MOST_ROWS);
      for (const table of TABLES) assert.ok(tables.has(table), `${table} is large`);
      for (const statement of statements)
        reads.push(...((await largeReads(client, statement, MOST_ROWS, tables)) ?? []));
      return reads;
    } finally {
      await client.end();
    }
  }
});
