import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { makeBackup } from '../../src/commands/backups/make-backup.ts';
import type { Env } from '../../src/platform/env.ts';
import { toVariables } from '../../src/platform/env-variables.ts';
import { type RunningService, startService } from '../../src/processes/start/start.ts';
import { commandLineOf } from '../support/command-line.ts';
import { assertWeights, type Jobs, jobsOf } from '../support/jobs.ts';
import { csvRows } from '../support/rows.ts';
import { clientOf, startTestService, type TestService, testEnv } from '../support/service.ts';
import { createDatabase, createNamespace, sharedServers } from '../support/shared-servers.ts';
import { putTinyModel } from '../support/tiny-models.ts';

const KEY = 'a-key-that-is-in-no-backup';

/** Under way until the backup is made, on a busy machine as well. */
const LONGER = { epochs: 8 };

describe('a backup of a running service, restored on another machine', function () {
  this.timeout(360_000);
  let service: TestService;
  let remove: () => Promise<void>;
  let jobs: Jobs;
  let undisturbed: Record<string, unknown>;
  let directory: string;
  const authorization = { Authorization: `Bearer ${KEY}` };
  const withKey = (client: Pick<TestService, 'call'>) => ({
    call: (method: string, path: string, body?: unknown) => client.call(method, path, body, authorization),
  });
  const mtm = (env: Env) => commandLineOf(directory, { ...toVariables(env), MTM_LOG_LEVEL: 'silent' });

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'mtm-test-backup-'));
    ({ service, remove } = await startTestService({ apiKeys: [KEY] }));
    const form = new FormData();
    form.set('file', new Blob([csvRows(110)]), 'rows.csv');
    form.set('name', 'rows');
    const uploaded = await fetch(`${service.apiUrl}/api/v1/datasets/`, {
      method: 'POST',
      body: form,
      headers: authorization,
    });
    const { id } = (await uploaded.json()) as { id: number };
    jobs = jobsOf({ ...withKey(service), apiUrl: service.apiUrl }, id);
    await withKey(service).call('POST', '/workers/', { action: 'start', worker_count: 1 });
    undisturbed = await jobs.ended(await jobs.create(LONGER));
    assert.equal(undisturbed.status, 'completed', String(undisturbed.error_message));
  });

  after(async () => {
    await remove?.();
    await rm(directory, { recursive: true, force: true });
  });

  it('brings a run that was under way to the weights of an undisturbed one, and knows all else', async () => {
    const { databaseUrl } = service;
    const env = { ...service.env, databaseUrl };
    const trained = await jobs.create(LONGER);
    await jobs.atStep(trained, 30);
    const options = { env, databaseUrl, directory, allowMissing: false, readers: null, onProgress: () => {} };
    const made = await makeBackup({ ...options, keep: null });
    assert.deepEqual(made.left_out, []);
    const inBackup = await jobs.get(trained);
    assert.equal(inBackup.status, 'running', 'It has ended before the backup was there: make it longer.');
    await withKey(service).call('POST', `/jobs/${trained}/cancel`);
    const before = (await withKey(service).call('GET', '/jobs/')).body.items as Record<string, unknown>[];

    // Nobody needs a key to read a backup, so it has none. Write `env` into the manifest and it is found.
    for (const entry of await readdir(made.folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const content = await readFile(join(entry.parentPath, entry.name));
      const text = entry.parentPath.includes('/database/') ? gunzipSync(content) : content;
      assert.ok(!text.includes(KEY), join(entry.parentPath, entry.name));
    }

    const shared = sharedServers();
    assert.ok(shared);
    const other = await testEnv();
    const database = await createDatabase(shared);
    const there: Env = {
      ...other,
      apiKeys: [KEY],
      hostName: 'another-machine',
      databaseUrl: database.url,
      temporalAddress: shared.temporalAddress,
      temporalNamespace: await createNamespace(shared),
    };
    await putTinyModel(there, 'tiny-random');
    let running: RunningService | undefined;
    try {
      const restored = await mtm(there).json('restore', made.folder);
      assert.deepEqual(restored.missing_models, []);
      running = await startService(there, () => {});
      const client = withKey(clientOf(running.apiUrl));
      const restoredJobs = jobsOf({ ...client, apiUrl: running.apiUrl }, 1);
      const after = (await client.call('GET', '/jobs/')).body.items as Record<string, unknown>[];
      const names = (list: Record<string, unknown>[]) =>
        list.map(({ id, name, created_at }) => ({ id, name, created_at }));
      assert.deepEqual(names(after), names(before));
      // Leave checkpoints out of FileTaking and it fails for what is lost; the rename of hosts out of settleRows, and no worker comes.
      const done = await restoredJobs.ended(trained);
      assertWeights(done, undisturbed);
      const output = String(done.output_path);
      assert.ok(output.startsWith(there.home), output);
      const published = await restoredJobs.get(Number(undisturbed.id));
      assert.equal(published.status, 'completed');
      assert.ok((await readdir(String(published.output_path))).includes('manifest.json'));
    } finally {
      await running?.stop();
      await database.drop();
      await rm(there.home, { recursive: true, force: true });
    }
  });
});
