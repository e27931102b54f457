import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import pg from 'pg';
import { BackupReader, backupsIn } from '../../src/commands/backups/manifest.ts';
import { scheduledBackupsIn } from '../../src/commands/backups/older-backups.ts';
import { toVariables } from '../../src/platform/env-variables.ts';
import { lockFolder } from '../../src/processes/backups/folder-lock.ts';
import { BACKUP_SCHEDULE_ID } from '../../src/workflows/backups/contract.ts';
import { commandLineOf } from '../support/command-line.ts';
import { scrape } from '../support/metrics.ts';
import { csvRows } from '../support/rows.ts';
import { startTestService, type TestService, temporalClientOf, testEnv, until } from '../support/service.ts';
import { createDatabase, sharedServers } from '../support/shared-servers.ts';

const PASSPHRASE = 'correct horse battery staple';
const KEEP = 2;

interface Standing {
  status: string;
  last_success_at: string | null;
  failing_since: string | null;
  trouble: string | null;
}

describe('backups by a schedule', function () {
  this.timeout(180_000);
  let folder: string;
  let directory: string;
  let passphraseFile: string;
  let service: TestService;
  let remove: () => Promise<void>;
  let client: Client;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mtm-test-scheduled-'));
    directory = join(folder, 'backups');
    passphraseFile = join(folder, 'passphrase');
    await writeFile(passphraseFile, `${PASSPHRASE}\n`);
    const settings = { logLevel: 'info', backupDir: directory, backupKeep: KEEP, backupPassphraseFile: passphraseFile };
    ({ service, remove } = await startTestService(settings));
    client = await temporalClientOf(service);
  });

  after(async () => {
    await client?.connection.close();
    await remove?.();
    await rm(folder, { recursive: true, force: true });
  });

  const schedule = () => client.schedule.getHandle(BACKUP_SCHEDULE_ID);
  const health = async () => (await service.call('GET', '/health')).body.backups as Standing | null;
  const log = () => readFile(join(service.env.home, 'logs', 'orchestrator.log'), 'utf8');
  const mtm = (variables: Record<string, string>) => commandLineOf(folder, { MTM_LOG_LEVEL: 'silent', ...variables });
  /** The workflow that was started last, once it is another one than `before`. */
  const latest = async () => (await schedule().describe()).info.recentActions.at(-1)?.action.workflow ?? null;
  type Begun = Awaited<ReturnType<typeof latest>>;
  /** Ids of workflows have the second in which they began: two of them may have the same. */
  const begunAfter = (before: Begun) =>
    until('another backup to begin', async () => {
      const now = await latest();
      return now?.firstExecutionRunId === before?.firstExecutionRunId ? null : now;
    });
  /** Begins one, and gives what the Temporal Web UI shows of its end. */
  const backUp = async () => {
    const before = await latest();
    await schedule().trigger();
    const { workflowId, firstExecutionRunId } = await begunAfter(before);
    return (await client.workflow.result(workflowId, firstExecutionRunId)) as { folder: string; removed: string[] };
  };
  /** What the attempt before says, of a workflow that tries again. */
  const failureOf = (workflowId: string) =>
    until('an attempt to fail', async () => {
      const { raw } = await client.workflow.getHandle(workflowId).describe();
      return raw.pendingActivities?.[0]?.lastFailure?.message;
    });

  it('makes the first one at once, encrypted, and it restores to a service that knows of no backup', async () => {
    await service.upload('rows.csv', csvRows(20), { name: 'before-the-backup' });
    await until('the first backup', async () => ((await health())?.status === 'ok' ? true : null));
    const { folder: made } = await backUp();
    // Read `passphraseOf` no more in scheduledBackupOf, and it restores without one.
    const shared = sharedServers();
    assert.ok(shared);
    const database = await createDatabase(shared);
    const there = { ...(await testEnv()), databaseUrl: database.url };
    try {
      await assert.rejects(BackupReader.open(made), /is encrypted: give --passphrase-file/);
      await mtm(toVariables(there)).json('restore', made, '--passphrase-file', passphraseFile);
      const restored = new pg.Client(database.url);
      await restored.connect();
      const names = await restored.query('SELECT name FROM datasets');
      // Take the DELETE out of settleRows and the restored service says that it has been backed up.
      const standing = await restored.query('SELECT 1 FROM backup_schedule');
      await restored.end();
      assert.deepEqual(names.rows, [{ name: 'before-the-backup' }]);
      assert.equal(standing.rowCount, 0);
    } finally {
      await database.drop();
      await rm(there.home, { recursive: true, force: true });
    }
    // Nor is the passphrase where others read: write it into the workflow's result, or its log line, and it is found.
    for (const text of [
      await log(),
      JSON.stringify(await client.workflow.getHandle((await latest())?.workflowId ?? '').fetchHistory()),
    ])
      assert.ok(!text.includes(PASSPHRASE));
  });

  it('leaves as many of its own as it is to, and those that somebody made', async () => {
    // Give removeOlder all that backupsIn finds, and the one by hand goes; call it without KEEP's slice, and more are left.
    const byHand = await mtm(toVariables({ ...service.env, databaseUrl: service.databaseUrl })).json(
      'backup',
      directory,
    );
    const { folder: last, removed } = await backUp();
    assert.equal(removed.length, 1);
    const scheduled = await scheduledBackupsIn(directory);
    assert.equal(scheduled.length, KEEP);
    assert.equal(join(directory, scheduled.at(-1) ?? ''), last);
    const all = (await backupsIn(directory)).map((name) => join(directory, name));
    assert.ok(all.includes(String(byHand.folder)), all.join());
    assert.equal(all.length, KEEP + 1);
    // `mtm backup` takes the passphrase of the settings, as the schedule does.
    assert.ok((await readdir(String(byHand.folder))).includes('key-passphrase.age'));
  });

  it('waits while somebody makes one by hand, and does not call that a failure', async () => {
    // Take the lock out of scheduledBackupOf and it is made beside the other; throw for a lock, and health tells a failure.
    const lock = await lockFolder(directory);
    assert.ok(lock);
    const before = await latest();
    await schedule().trigger();
    const { workflowId } = await begunAfter(before);
    try {
      assert.match(await failureOf(workflowId), /Another backup is being made/);
      assert.equal((await health())?.status, 'ok');
    } finally {
      await lock.close();
      await client.workflow.getHandle(workflowId).terminate('The test has seen it.');
    }
  });

  it('tells of one that fails in health, metrics and log, removes nothing, and makes it once that is mended', async () => {
    // Take noteFailedBackup out of make-scheduled-backup.ts and health says `ok`.
    const before = await backupsIn(directory);
    const last = await latest();
    await rename(directory, `${directory}-away`);
    await writeFile(directory, 'a file in its place');
    await schedule().trigger();
    const { workflowId } = await begunAfter(last);
    const failing = await until('health to tell it', async () => {
      const standing = await health();
      return standing?.status === 'failing' ? standing : null;
    });
    assert.ok(failing.failing_since);
    assert.match(String(failing.trouble), /log of the orchestrator says why/);
    // Anybody may read it: no folder.
    assert.ok(!JSON.stringify(failing).includes(folder));
    const metrics = await until('the metrics to tell it', async () => {
      const found = await scrape(service.apiUrl);
      return found.value('mtm_backup_failing') === 1 ? found : null;
    });
    assert.equal(metrics.value('mtm_backup_interval_seconds'), 24 * 3600);
    assert.ok((metrics.value('mtm_backup_age_seconds') ?? 1e9) < 600);
    assert.match(await failureOf(workflowId), new RegExp(directory));
    await until('the log to tell why', async () => {
      const line = (await log()).split('\n').find((each) => each.includes('The scheduled backup failed: '));
      return line?.includes(directory) ? true : null;
    });
    await rm(directory);
    await rename(`${directory}-away`, directory);
    assert.deepEqual(await backupsIn(directory), before);
    await client.workflow.result(workflowId);
    const { status, failing_since } = (await health()) ?? {};
    assert.deepEqual({ status, failing_since }, { status: 'ok', failing_since: null });
    assert.notDeepEqual(await backupsIn(directory), before);
  });
});
