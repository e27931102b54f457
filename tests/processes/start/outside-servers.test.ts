import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { execa } from 'execa';
import { choosePort } from '../../../src/platform/ports.ts';
import { startPostgres } from '../../../src/platform/postgres/postgres.ts';
import { ensureTemporalCli } from '../../../src/platform/temporal/temporal-cli.ts';
import { startService } from '../../../src/processes/start/start.ts';
import { csvRows } from '../../support/rows.ts';
import { testEnv, until } from '../../support/service.ts';

/** PostgreSQL and Temporal as others set them up: no schema, no namespace, no search attributes of ours. */
describe('outside servers', function () {
  this.timeout(300_000);

  it('are used in place of the embedded ones, and get what they lack', async () => {
    // Take setUpOutsideTemporal out of src/processes/start/start.ts and src/processes/orchestrator/orchestrator.ts, and nobody makes the namespace.
    const env = await testEnv();
    const postgres = await startPostgres({ home: join(env.home, 'elsewhere'), port: 0 });
    const [port, metricsPort] = [await choosePort(0), await choosePort(0)];
    const cli = await ensureTemporalCli(env.toolsDir, () => {});
    const flags = ['server', 'start-dev', '--headless', '--port', `${port}`, '--metrics-port', `${metricsPort}`];
    const temporal = execa(cli.path, flags, { reject: false, stdout: 'ignore', stderr: 'ignore' });
    const connection = Connection.lazy({ address: `127.0.0.1:${port}` });
    try {
      await until('Temporal to answer', () =>
        connection.workflowService.describeNamespace({ namespace: 'default' }).catch(() => null),
      );
      const service = await startService(
        {
          ...env,
          databaseUrl: postgres.url,
          temporalAddress: `127.0.0.1:${port}`,
          temporalNamespace: 'nobody-made-it',
        },
        () => {},
      );
      try {
        assert.equal(service.temporalUiUrl, null);
        const form = new FormData();
        form.set('name', 'rows');
        form.set('file', new Blob([csvRows(20)]), 'rows.csv');
        const uploaded = await fetch(`${service.apiUrl}/api/v1/datasets/`, { method: 'POST', body: form });
        assert.equal(uploaded.status, 201);
        const { id } = (await uploaded.json()) as { id: number };
        const job = await fetch(`${service.apiUrl}/api/v1/jobs/`, {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify({ name: 'job', dataset_id: id, model_name: 'some/model' }),
        });
        assert.equal(job.status, 201);
        const client = new Client({ connection, namespace: 'nobody-made-it' });
        const listed = await until('the workflow to be found by our search attribute', async () => {
          for await (const found of client.workflow.list({ query: 'MtmOwner = "job-1"' })) return found;
        });
        assert.equal(listed.workflowId, 'job-1-run-1');
      } finally {
        await service.stop();
      }
    } finally {
      await connection.close();
      temporal.kill('SIGKILL');
      await temporal;
      await postgres.stop();
      await rm(env.home, { recursive: true, force: true });
    }
  });
});
