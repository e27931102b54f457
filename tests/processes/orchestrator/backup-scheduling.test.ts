import assert from 'node:assert/strict';
import { Client, Connection, ScheduleNotFoundError } from '@temporalio/client';
import { connectOrchestration, type Orchestration } from '../../../src/commands/workflows/client.ts';
import {
  BackupSchedule,
  backupStanding,
  noteBackup,
  noteFailedBackup,
} from '../../../src/models/backups/backup-schedule.ts';
import { connectModels } from '../../../src/models/database.ts';
import type { Env } from '../../../src/platform/env.ts';
import { setUpOutsideTemporal } from '../../../src/platform/temporal/set-up.ts';
import { BackupScheduling } from '../../../src/processes/orchestrator/backup-scheduling.ts';
import { BACKUP_SCHEDULE_ID } from '../../../src/workflows/backups/contract.ts';
import { captureLog } from '../../support/log-lines.ts';
import { testEnv } from '../../support/service.ts';
import { createDatabase, createNamespace, sharedServers } from '../../support/shared-servers.ts';

const HOUR_MS = 3_600_000;

/** No worker is there: what the schedule begins is not made. */
describe('the schedule of backups', function () {
  this.timeout(60_000);
  let env: Env;
  let orchestration: Orchestration;
  let client: Client;
  const closing: (() => Promise<unknown>)[] = [];

  before(async () => {
    const shared = sharedServers();
    assert.ok(shared);
    const database = await createDatabase(shared);
    closing.push(() => database.drop());
    const temporalNamespace = await createNamespace(shared);
    env = { ...(await testEnv()), temporalAddress: shared.temporalAddress, temporalNamespace };
    await setUpOutsideTemporal(env, () => {});
    const sequelize = connectModels(database.url);
    orchestration = connectOrchestration(env);
    const connection = await Connection.connect({ address: shared.temporalAddress });
    client = new Client({ connection, namespace: temporalNamespace });
    closing.push(
      () => sequelize.close(),
      () => orchestration.close(),
      () => connection.close(),
    );
  });

  after(async () => {
    for (const close of closing.reverse()) await close();
  });

  /** What an orchestrator does that starts with these settings; gives its log. */
  const startWith = async (settings: Partial<Env>) => {
    const { logger, lines } = captureLog();
    await new BackupScheduling({ ...env, ...settings }, orchestration, logger).pass();
    return lines.map(({ msg }) => msg);
  };
  const described = () => client.schedule.getHandle(BACKUP_SCHEDULE_ID).describe();

  it('is made, changed and removed as the settings say, and left alone where they say the same', async () => {
    assert.deepEqual(await startWith({}), []);
    await assert.rejects(described, ScheduleNotFoundError);

    assert.deepEqual(await startWith({ backupDir: '/backups' }), ['The schedule of backups was created.']);
    const { spec, policies, action, info } = await described();
    assert.deepEqual(
      spec.intervals?.map(({ every }) => every),
      [24 * HOUR_MS],
    );
    // Of a service that has none, the first is begun at once: take backUpNow out of BackupScheduling, and it is not.
    assert.equal(info.numActionsTaken, 1);
    assert.equal(policies.overlap, 'SKIP');
    assert.equal(policies.catchupWindow, 24 * HOUR_MS);
    // No folder stands in it, so that no other service can be sent to it.
    assert.deepEqual([action.workflowType, action.args], ['backupWorkflow', []]);

    // Without `isSame` in backup-client.ts it is updated at each look.
    assert.deepEqual(await startWith({ backupDir: '/backups' }), []);
    // A person's pause stays: leave `state` out of the update and it is over.
    await client.schedule.getHandle(BACKUP_SCHEDULE_ID).pause('by hand');
    assert.deepEqual(await startWith({ backupDir: '/backups', backupEveryHours: 6 }), [
      'The schedule of backups was updated.',
    ]);
    const changed = await described();
    assert.deepEqual(
      changed.spec.intervals?.map(({ every }) => every),
      [6 * HOUR_MS],
    );
    assert.deepEqual([changed.state.paused, changed.state.note], [true, 'by hand']);

    assert.deepEqual(await startWith({}), ['The schedule of backups was removed.']);
    await assert.rejects(described, ScheduleNotFoundError);
    assert.equal(await backupStanding(), null);
  });

  it('knows nothing of another folder, and tells what is late', async () => {
    await startWith({ backupDir: '/backups' });
    assert.equal((await backupStanding())?.status, 'waiting');
    await noteBackup(new Date());
    assert.equal((await backupStanding())?.status, 'ok');
    // 36 hours of 24: with a factor of 2 in backup-schedule.ts it is well for longer.
    assert.equal((await backupStanding(Date.now() + 35 * HOUR_MS))?.status, 'ok');
    assert.equal((await backupStanding(Date.now() + 37 * HOUR_MS))?.status, 'late');
    await noteFailedBackup('The disk is full.');
    const since = (await backupStanding())?.failingSince;
    await noteFailedBackup('The disk is still full.');
    const failing = await backupStanding();
    assert.deepEqual([failing?.status, failing?.failingSince], ['failing', since]);
    // Keep the row in planBackups whatever the folder is, and it says that there is a backup in the new one.
    await startWith({ backupDir: '/elsewhere' });
    assert.deepEqual(await BackupSchedule.count({ where: { last_success_at: null, failure: null } }), 1);
    assert.equal((await backupStanding())?.status, 'waiting');
    await startWith({});
  });
});
