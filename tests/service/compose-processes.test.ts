import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { execa, type ResultPromise } from 'execa';
import pg from 'pg';
import { BUILT } from '../../src/platform/built-files.ts';
import { loadEnv, PROJECT_ROOT } from '../../src/platform/env.ts';
import { choosePort } from '../../src/platform/ports.ts';
import { ensureTrainerPython } from '../../src/platform/python.ts';
import { readCompose } from '../support/compose.ts';
import { settledPool } from '../support/hosts.ts';
import { type Jobs, jobsOf } from '../support/jobs.ts';
import { processesOf } from '../support/processes.ts';
import { csvRows } from '../support/rows.ts';
import { type ApiClient, clientOf, until } from '../support/service.ts';
import { sharedServers } from '../support/shared-servers.ts';
import { putTinyModel } from '../support/tiny-models.ts';

/** What would break a URL of the database. */
const PASSWORD = "a/#?%@:&=' b";
/** Each file of a checkpoint: all of them take longer than the five seconds that `npm start` gives. */
const FSYNC_S = 1;

/**
 * The processes of the service as docker-compose.yml starts them: each alone, with the settings of that file, servers by
 * host name (`localhost` for the names of containers). Only places and ports are others.
 */
describe('the processes that compose starts', function () {
  this.timeout(300_000);
  let home: string;
  let settings: Record<string, string>;
  let admin: pg.Client;
  let database: string;
  let api: ApiClient;
  let jobs: Jobs;
  const running: ResultPromise[] = [];

  /** One command of ours. Nothing of this machine's settings but what finds programs. */
  const start = (name: string, changes: Record<string, string> = {}) => {
    const { PATH = '', HOME = '' } = process.env;
    const started = execa(process.execPath, [BUILT.main, name], {
      cwd: PROJECT_ROOT,
      extendEnv: false,
      env: { PATH, HOME, ...settings, ...changes },
      reject: false,
      all: true,
      stdin: 'ignore',
      // How long it takes to end is its own to decide.
      forceKillAfterDelay: false,
    });
    running.push(started);
    return started;
  };

  before(async () => {
    const shared = sharedServers();
    assert.ok(shared, 'npm test starts them');
    home = await mkdtemp(join(tmpdir(), 'mtm-test-'));
    const name = `compose_${randomBytes(6).toString('hex')}`;
    database = name;
    admin = new pg.Client(shared.databaseUrl);
    await admin.connect();
    await admin.query(`CREATE ROLE ${name} LOGIN PASSWORD ${pg.escapeLiteral(PASSWORD)}`);
    await admin.query(`CREATE DATABASE ${name} OWNER ${name}`);

    const given = { POSTGRES_PASSWORD: PASSWORD, MTM_TRAINER_THREADS: '1', MTM_LOG_LEVEL: 'warn' };
    const { services } = await readCompose('docker-compose.yml', given);
    const ofCompose = services.host?.environment as Record<string, string>;
    const here = (address: string, server: string) => `localhost:${server.split(':').at(-1)?.split('/')[0]}${address}`;
    settings = {
      ...ofCompose,
      DATABASE_URL: String(ofCompose.DATABASE_URL).replace(
        'mtm@postgres:5432/mtm',
        `${name}@${here(`/${name}`, shared.databaseUrl)}`,
      ),
      TEMPORAL_ADDRESS: here('', shared.temporalAddress),
      TEMPORAL_NAMESPACE: name,
      MTM_HOST_NAME: `docker-${name}`,
      MTM_HOME: home,
      MTM_HOST: '0.0.0.0',
      MTM_PORT: String(await choosePort(0)),
      MTM_OUTPUT_ROOTS: join(home, 'outputs'),
      MTM_PYTHON: await slowlySaving(),
      HF_HOME: join(home, 'models'),
    };
    await putTinyModel({ ...loadEnv(), modelCache: join(home, 'models', 'hub') }, 'tiny-random');
  });

  after(async () => {
    for (const started of running) started.kill('SIGKILL');
    // Workers outlive their agent.
    for (const { pid } of await processesOf(home)) await execa('kill', ['-9', String(pid)], { reject: false });
    await Promise.all(running);
    await admin.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
    await admin.query(`DROP ROLE IF EXISTS ${database}`);
    await admin.end();
    await rm(home, { recursive: true, force: true });
  });

  /** The trainer's Python, where a disk takes its time to say that something is written. */
  async function slowlySaving(): Promise<string> {
    const real = await ensureTrainerPython({ env: loadEnv(), onProgress: () => {} });
    const folder = join(home, 'slow');
    await mkdir(folder);
    await writeFile(
      join(folder, 'sitecustomize.py'),
      `import os, time\n_fsync = os.fsync\ndef fsync(fd):\n    time.sleep(${FSYNC_S})\n    _fsync(fd)\nos.fsync = fsync\n`,
    );
    const python = join(folder, 'python');
    await writeFile(python, `#!/bin/sh\nPYTHONPATH='${folder}' exec '${real}' "$@"\n`);
    await chmod(python, 0o755);
    return python;
  }

  const checkpoints = async (runId: unknown) => {
    const files = await readdir(join(home, 'runs', String(runId), 'checkpoints'), { recursive: true });
    return files.filter((file) => /checkpoint-\d+\/manifest\.json$/.test(file));
  };

  /** What the database has; the API's stream of a run that goes on does not end. */
  const eventsOf = async (runId: unknown) => {
    const url = new URL(String(settings.DATABASE_URL));
    url.password = encodeURIComponent(PASSWORD);
    const client = new pg.Client(url.href);
    await client.connect();
    const { rows } = await client.query('SELECT kind, data FROM run_events WHERE run_id = $1 ORDER BY seq', [runId]);
    await client.end();
    return JSON.stringify(rows);
  };

  it('migrate: makes schema, namespace and search attributes, whatever characters the password has', async () => {
    // Put the password into DATABASE_URL, as docker-compose.yml once did, and it is no URL any more.
    const { exitCode, all } = await start('migrate');
    assert.equal(exitCode, 0, all);
    assert.match(String(all), new RegExp(`Applied: 0001.*\\n(.*\\n)*.*namespace ${database} is set up\\.$`));
    const connection = await Connection.connect({ address: settings.TEMPORAL_ADDRESS });
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace: database });
    await connection.close();
    assert.equal(customAttributes?.MtmRunId, 3);
  });

  it('api, orchestrator, host: start, and train', async () => {
    for (const name of ['api', 'orchestrator', 'host']) void start(name);
    const apiUrl = `http://127.0.0.1:${settings.MTM_PORT}`;
    await until(
      'the API to answer',
      async () => (await fetch(`${apiUrl}/api/v1/health`).catch(() => null))?.ok || null,
    );
    api = clientOf(apiUrl);
    jobs = jobsOf({ ...api, apiUrl }, Number((await api.upload('rows.csv', csvRows(200))).body.id));
    // With a key: while the orchestrator starts, an answer 503 does not say that nothing will be done.
    const key = { 'Idempotency-Key': randomUUID() };
    await until('the host to be there', async () => {
      const { status } = await api.call('POST', '/workers/', { action: 'start', worker_count: 1 }, key);
      return status === 200 ? true : null;
    });
    await settledPool(api, 1);
  });

  it('host: refuses to start beside another agent of its name, whose workers it lets be', async () => {
    // Let `isTaken` be true whatever the database says (src/models/pool/agent-place.ts) and both run.
    const second = start('host');
    const killer = setTimeout(() => second.kill('SIGKILL'), 40_000);
    const { exitCode, all } = await second;
    clearTimeout(killer);
    assert.equal(exitCode, 1, all);
    assert.match(String(all), /Host docker-\S+ has an agent already \(process \d+, .*MTM_HOST_NAME\.$/);
    const { body } = await api.call('GET', '/workers/');
    assert.deepEqual(
      (body.workers as { status: string }[]).map(({ status }) => status),
      ['idle'],
    );
  });

  it('host: on SIGTERM waits for a save that takes its time, and is quick where it is told to be', async () => {
    // Let the agent end after 8 s whatever MTM_STOP_GRACE_MS says, as it did, and there is no checkpoint.
    const id = await jobs.create({ epochs: 100, save_steps: 10_000 });
    const { run_id: runId } = await jobs.atStep(id, 5);
    assert.deepEqual(await checkpoints(runId), []);
    const [host] = running.filter(({ spawnargs }) => spawnargs.at(-1) === 'host');
    const stopped = async (agent: ResultPromise | undefined) => {
      const since = performance.now();
      agent?.kill('SIGTERM');
      const { exitCode, all } = (await agent) ?? {};
      assert.equal(exitCode, 0, String(all));
      return performance.now() - since;
    };
    const tookMs = await stopped(host);
    assert.ok(tookMs > 8_000, `it took ${tookMs} ms, so that this test shows nothing`);
    const saved = await checkpoints(runId);
    assert.equal(saved.length, 1);
    assert.match(await eventsOf(runId), /"worker_stopping"/);
    assert.deepEqual(
      (await processesOf(home)).filter(({ command }) => /main\.js worker|-m trainer/.test(command)),
      [],
    );

    const quick = start('host', { MTM_STOP_GRACE_MS: '1000' });
    await jobs.reached('training again', id, ({ status }) => status === 'running');
    await jobs.atStep(id, Number((await jobs.get(id)).current_step) + 5);
    assert.ok((await stopped(quick)) < 6_000);
    assert.deepEqual(await checkpoints(runId), saved, 'what was cut off is not there');
  });
});
