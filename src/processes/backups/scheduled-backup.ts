import { join } from 'node:path';
import type { BackUp } from '../../activities/backups/make-scheduled-backup.ts';
import { makeBackup } from '../../commands/backups/make-backup.ts';
import { BackupReader } from '../../commands/backups/manifest.ts';
import { removeOlder, scheduledBackupsIn } from '../../commands/backups/older-backups.ts';
import { requireRestored } from '../../commands/backups/restoring.ts';
import { verifyBackup } from '../../commands/backups/verify-backup.ts';
import type { Env } from '../../platform/env.ts';
import { requireDatabaseUrl } from '../../platform/postgres/database-url.ts';
import { lockFolder } from './folder-lock.ts';
import { passphraseOf } from './key-files.ts';

/**
 * What `mtm backup` does, read back before anything older goes: of a disk that loses what it is given, the last whole ones are left. One
 * that is killed leaves what the next one removes.
 */
export function scheduledBackupOf(env: Env): BackUp {
  return async (directory, signal, onProgress) => {
    await requireRestored(env.home);
    const passphrase = await passphraseOf(env);
    const lock = await lockFolder(directory);
    if (lock === null) return null;
    try {
      const made = await makeBackup({
        env,
        databaseUrl: requireDatabaseUrl(env),
        directory,
        allowMissing: false,
        keep: null,
        readers: passphrase === null ? null : { recipients: [], passphrase },
        isScheduled: true,
        signal,
        onProgress,
      });
      onProgress('Verifying the backup…');
      await verifyBackup(await BackupReader.open(made.folder, { identities: [], passphrase }), signal);
      const removed = await removeOlder(directory, await scheduledBackupsIn(directory), env.backupKeep);
      return { ...made, removed: removed.map((name) => join(directory, name)) };
    } finally {
      await lock.close();
    }
  };
}
