import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { BUILT } from '../../../src/platform/built-files.ts';
import { childEnv, type Env, PROJECT_ROOT } from '../../../src/platform/env.ts';
import { toVariables } from '../../../src/platform/env-variables.ts';
import { lockHome } from '../../../src/processes/start/home-lock.ts';
import { processesOf } from '../../support/processes.ts';
import { clientOf, testEnv, until } from '../../support/service.ts';

/** Longer than the lock of earlier versions, which a clock kept, was believed. */
const STOPPED_MS = 6_500;

describe('the lock of a home', function () {
  this.timeout(120_000);
  let home: string;

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'mtm-test-'));
  });
  afterEach(() => rm(home, { recursive: true, force: true }));

  it('is one process’s, whom it names, until that releases it', async () => {
    const first = await lockHome(home);
    await assert.rejects(
      lockHome(home, 0),
      new RegExp(`uses ${home}: process ${process.pid} of ${hostname()}, since `),
    );
    await first.release();
    await (await lockHome(home)).release();
  });

  it('is found to be lost when its file is removed or replaced', async () => {
    for (const replace of [false, true]) {
      const lock = await lockHome(home);
      assert.equal(await lock.isHeld(), true);
      const lost = new Promise<void>((resolve) => lock.watch(resolve));
      await rm(join(home, 'home.lock'));
      const other = replace ? await lockHome(home) : null;
      assert.equal(await lock.isHeld(), false);
      await lost;
      await lock.release();
      await other?.release();
    }
  });

  describe('of a service', () => {
    let env: Env;
    const children: ChildProcess[] = [];

    before(async () => {
      env = await testEnv();
    });
    after(async () => {
      for (const child of children) child.kill('SIGTERM');
      await until('every process to be gone', async () => ((await processesOf(env.home)).length === 0 ? true : null));
      await rm(env.home, { recursive: true, force: true });
    });

    function start(): ChildProcess {
      const ports = { MTM_PORT: '0', MTM_POSTGRES_PORT: '0', MTM_TEMPORAL_PORT: '0', MTM_TEMPORAL_UI_PORT: '0' };
      const child = spawn(process.execPath, [BUILT.main, 'start'], {
        cwd: PROJECT_ROOT,
        env: childEnv({ ...toVariables(env), ...ports }),
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      children.push(child);
      return child;
    }

    it('keeps a second start away while the first merely stands still, and harms nothing', async () => {
      // Before, the second took the lock after 5 s, and each ended the other's PostgreSQL and Temporal again and again.
      const first = start();
      let url = '';
      for await (const line of createInterface({ input: first.stdout as NodeJS.ReadableStream })) {
        url = line.match(/API\s+(http\S+)\/api\/v1/)?.[1] ?? '';
        if (url) break;
      }
      const postmaster = () => readFile(join(env.home, 'postgres', 'data', 'postmaster.pid'), 'utf8');
      const before = await postmaster();
      first.kill('SIGSTOP');
      const stoppedAtMs = performance.now();
      const second = start();
      let said = '';
      second.stderr?.on('data', (chunk) => {
        said += chunk;
      });
      const [code] = await once(second, 'exit');
      await until('longer than a lock that a clock keeps', async () =>
        performance.now() - stoppedAtMs > STOPPED_MS ? true : null,
      );
      first.kill('SIGCONT');
      assert.equal(code, 1);
      assert.match(said, new RegExp(`Another start of the service uses ${env.home}: process ${first.pid} of`));
      assert.equal((await clientOf(url).call('GET', '/health')).body.status, 'healthy');
      assert.equal(await postmaster(), before);
    });
  });
});
