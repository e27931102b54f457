import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toVariables } from '../../src/platform/env-variables.ts';
import { processStart } from '../../src/platform/process-identity.ts';
import { commandLineOf } from '../support/command-line.ts';
import { processesOf } from '../support/processes.ts';
import { testEnv } from '../support/service.ts';
import { createDatabase, createNamespace, sharedServers } from '../support/shared-servers.ts';

const FREE_PORTS = { MTM_PORT: '0', MTM_POSTGRES_PORT: '0', MTM_TEMPORAL_PORT: '0', MTM_TEMPORAL_UI_PORT: '0' };

describe('mtm up and mtm down', function () {
  this.timeout(120_000);

  it('start a service in the background, find it on its port, and end it and no other process', async () => {
    const env = await testEnv();
    const shared = sharedServers();
    assert.ok(shared, 'the tests have servers');
    const [database, temporalNamespace] = await Promise.all([createDatabase(shared), createNamespace(shared)]);
    const places = { databaseUrl: database.url, temporalAddress: shared.temporalAddress, temporalNamespace };
    const cli = commandLineOf(env.home, { ...toVariables({ ...env, ...places }), ...FREE_PORTS });
    const note = join(env.home, 'service.json');
    const bystander = spawn('sleep', ['600']);
    try {
      const started = await cli.mtm('up', '--detach');
      assert.equal(started.exitCode, 0, started.stderr);
      const [, page] = /^Page +(http:\S+)$/m.exec(started.stdout) ?? [];
      assert.equal((await fetch(`${page}/health`)).status, 200);
      assert.match((await cli.mtm('up', '--detach')).stderr, /^The service is already running, as process \d+/);
      const again = await cli.mtm('up');
      assert.equal(again.exitCode, 1);
      assert.match(again.stderr, /is already running, at http:.*`mtm down` ends it/);
      assert.equal((await cli.json('status')).health instanceof Object, true, 'found without --server');

      // Compare the pid alone in `findService` (src/platform/service-file.ts), and the bystander is ended.
      const kept = await readFile(note, 'utf8');
      await writeFile(note, JSON.stringify({ ...JSON.parse(kept), pid: bystander.pid }));
      assert.match((await cli.mtm('down')).stdout, /^No service runs/);
      assert.notEqual(await processStart(Number(bystander.pid)), null);

      await writeFile(note, kept);
      assert.match((await cli.mtm('down')).stdout, /^The service has ended/);
      assert.deepEqual(await processesOf(env.home), []);
    } finally {
      bystander.kill();
      await cli.mtm('down');
      await database.drop();
      await rm(env.home, { recursive: true, force: true });
    }
  });
});
