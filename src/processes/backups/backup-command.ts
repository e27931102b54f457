import { type FileHandle, open } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { tryLock } from 'fs-native-extensions';
import { CommandFailure } from '../../cli/exit-codes.ts';
import type { Session } from '../../cli/session.ts';
import { makeBackup } from '../../commands/backups/make-backup.ts';
import { requireRestored } from '../../commands/backups/restoring.ts';
import type { Readers } from '../../commands/backups/sealing.ts';
import { schemaAt } from '../../models/schema.ts';
import { makeFolder } from '../../platform/durable-files.ts';
import { exists } from '../../platform/files.ts';
import { databaseOfHome } from '../database-of-home.ts';
import { passphraseIn } from './key-files.ts';

const LOCK = 'backup.lock';

export interface BackupOptions {
  keep?: number;
  allowMissing?: boolean;
  encryptTo?: string[];
  passphraseFile?: string;
}

/** `mtm backup DIR` */
export async function backup(
  { env, print, say }: Session,
  folder: string,
  { keep, allowMissing = false, ...options }: BackupOptions,
): Promise<void> {
  await requireRestored(env.home);
  if (!env.databaseUrl && !(await exists(join(env.home, 'postgres', 'data'))))
    throw new CommandFailure(`There is no service to back up in ${env.home}: set MTM_HOME, or DATABASE_URL.`);
  const readers = await readersOf(options);
  const directory = resolve(folder);
  const lock = await lockFolder(directory);
  try {
    const database = await databaseOfHome(env);
    try {
      // A backup says which version it is of.
      await schemaAt(database.url);
      const made = await makeBackup({
        env,
        databaseUrl: database.url,
        directory,
        allowMissing,
        keep: keep ?? null,
        readers,
        onProgress: say,
      });
      print(made, () =>
        [
          `${made.folder}`,
          `${made.files} files, ${megabytes(made.bytes)}, of which ${megabytes(made.copied_bytes)} were written now; the database as of ${made.made_at}.`,
          ...made.left_out.map((sentence) => `Not in it: ${sentence}`),
          ...(made.removed.length > 0 ? [`Removed: ${made.removed.join(', ')}.`] : []),
        ].join('\n'),
      );
    } finally {
      await database.close();
    }
  } finally {
    await lock.close();
  }
}

/** Null where nobody is named, so that it is not encrypted. */
async function readersOf({ encryptTo: recipients = [], passphraseFile }: BackupOptions): Promise<Readers | null> {
  const passphrase = passphraseFile === undefined ? null : await passphraseIn(passphraseFile);
  return recipients.length > 0 || passphrase !== null ? { recipients, passphrase } : null;
}

/** One at a time; the kernel's lock ends with this process. @throws CommandFailure where another backup is being made there */
async function lockFolder(directory: string): Promise<FileHandle> {
  await makeFolder(directory);
  const file = await open(join(directory, LOCK), 'a+');
  if (tryLock(file.fd)) return file;
  await file.close();
  throw new CommandFailure(`Another backup is being made in ${directory}. Wait until it has ended.`);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
}
