import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { execa, type ResultPromise } from 'execa';
import type { Env } from '../../../src/platform/env.ts';
import { choosePort } from '../../../src/platform/ports.ts';
import { PROJECT_ROOT } from '../../../src/platform/project-root.ts';
import { ensurePythonEnvironment } from '../../../src/platform/python.ts';
import { until } from '../../support/service.ts';
import { killableService, withTinyModel } from '../../support/started-service.ts';
import { proveThreeKills } from '../../support/trackers.ts';

/** `npm test -- tests/bench/trackers/mlflow.proof.ts`. Not among all tests: MLflow with its server is 850 MB, which take a minute to install. */
describe('a run that an MLflow server is told of', function () {
  this.timeout(540_000);
  let server: ResultPromise | null = null;
  const killable = killableService(async (env) => ({
    ...(await withTinyModel(env)),
    mlflowUrl: `http://127.0.0.1:${await choosePort(0)}`,
    wandbDir: join(env.home, 'wandb'),
    trackioDir: join(env.home, 'trackio'),
  }));
  const start = async () => {
    server = (await startMlflow(killable.env)).child;
  };
  const stop = async () => {
    if (server?.pid) process.kill(-server.pid, 'SIGKILL');
    await server?.catch(() => {});
    server = null;
  };
  after(stop);

  it('has every step once and in order, over three kills, and though the server was away for two of them', async () => {
    // Let _send of to_mlflow.py send what the server has, and steps that were done again are there twice.
    await start();
    await proveThreeKills(killable, ['mlflow', 'wandb', 'trackio'], { away: stop, back: start });
  });
});

async function startMlflow(env: Env): Promise<{ child: ResultPromise }> {
  const python = await ensurePythonEnvironment({
    env,
    onProgress: (line) => console.log(line),
    what: 'a Python environment with an MLflow server (850 MB)',
    requirements: [join(PROJECT_ROOT, 'tests', 'bench', 'trackers', 'requirements.txt')],
  });
  // Its path has not that of the home in it: whose processes are those of the service.
  const store = join(tmpdir(), `mlflow-of-${basename(env.home)}`);
  await mkdir(store, { recursive: true });
  const url = new URL(env.mlflowUrl ?? '');
  const child = execa(
    join(dirname(python), 'mlflow'),
    [
      'server',
      '--backend-store-uri',
      `sqlite:///${store}/mlflow.db`,
      '--host',
      url.hostname,
      '--port',
      url.port,
      '--workers',
      '1',
    ],
    { cwd: store, detached: true, stdio: 'ignore', reject: false },
  );
  await until('the MLflow server', async () =>
    (await fetch(`${url.origin}/health`).catch(() => null))?.ok ? true : null,
  );
  return { child };
}
