import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { BUILT } from '../../src/platform/built-files.ts';
import { childEnv, PROJECT_ROOT } from '../../src/platform/env.ts';
import { toVariables } from '../../src/platform/env-variables.ts';
import { stepsIn } from '../support/jobs.ts';
import { csvRows } from '../support/rows.ts';
import { TINY_MODEL, until } from '../support/service.ts';
import { allGone, killableService, killEverything, withTinyModel } from '../support/started-service.ts';

/** Of a request: an answer that does not come fails where it is asked for. */
const MOST_MS = 60_000;

describe('mtm start', function () {
  this.timeout(360_000);
  const killable = killableService(withTinyModel);
  const start = async () => `${await killable.start()}/api/v1`;

  const call = async (url: string, method: string, path: string, body?: unknown) => {
    const json = { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
    const signal = AbortSignal.timeout(MOST_MS);
    const response = await fetch(url + path, { method, signal, ...(body === undefined ? {} : json) });
    return (await response.json()) as Record<string, unknown>;
  };

  it('goes on by itself after SIGKILL of every process, and ends every process on SIGTERM', async () => {
    // Take Worker.create out of #replace (src/processes/host-agent/worker-processes.ts) and it is queued for ever.
    let url = await start();
    const form = new FormData();
    form.set('file', new Blob([csvRows(200)]), 'rows.csv');
    form.set('name', 'rows');
    const dataset = (await (await fetch(`${url}/datasets/`, { method: 'POST', body: form })).json()) as { id: number };
    await call(url, 'POST', '/workers/', { action: 'start', worker_count: 1 });
    const job = await call(url, 'POST', '/jobs/', {
      name: 'job',
      dataset_id: dataset.id,
      model_name: TINY_MODEL,
      batch_size: 2,
      epochs: 4,
      save_steps: 10,
      lora_r: 4,
      max_length: 64,
    });
    await until('the job to train', async () =>
      Number((await call(url, 'GET', `/jobs/${job.id}`)).current_step) >= 40 ? true : null,
    );

    await killEverything(killable.env);

    url = await start();
    const ended = await until('the job to end', async () => {
      const body = await call(url, 'GET', `/jobs/${job.id}`);
      return ['completed', 'failed', 'cancelled'].includes(String(body.status)) ? body : null;
    });
    assert.equal(ended.status, 'completed', String(ended.error_message));
    assert.equal(ended.current_step, ended.total_steps);
    const events = await (await fetch(`${url}/jobs/${job.id}/events`, { signal: AbortSignal.timeout(MOST_MS) })).text();
    const [step] = stepsIn(events, 'resumed');
    assert.ok(Number(step) >= 30, `went on from ${step}`);

    killable.stop();
    await allGone(killable.env, 10_000);
  });

  it('says which port is taken, and starts nothing', async () => {
    const { createServer } = await import('node:net');
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const child = spawn(process.execPath, [BUILT.main, 'start'], {
      cwd: PROJECT_ROOT,
      env: childEnv({
        ...toVariables(killable.env),
        MTM_PORT: String(port),
        MTM_POSTGRES_PORT: '0',
        MTM_TEMPORAL_PORT: '0',
        MTM_TEMPORAL_UI_PORT: '0',
      }),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.on('data', (chunk) => {
      said += chunk;
    });
    const code = await new Promise((resolve) => child.once('close', resolve));
    server.close();
    assert.equal(code, 1);
    assert.match(said, new RegExp(`Port ${port} for the API is taken: set MTM_PORT`));
  });
});
