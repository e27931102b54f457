import { join, resolve } from 'node:path';
import { CommandFailure } from '../../cli/exit-codes.ts';
import type { Session } from '../../cli/session.ts';
import { makeBackup } from '../../commands/backups/make-backup.ts';
import { requireRestored } from '../../commands/backups/restoring.ts';
import type { Readers } from '../../commands/backups/sealing.ts';
import { schemaAt } from '../../models/schema.ts';
import type { Env } from '../../platform/env.ts';
import { exists } from '../../platform/files.ts';
import { databaseOfHome } from '../database-of-home.ts';
import { lockFolder } from './folder-lock.ts';
import { passphraseIn, passphraseOf } from './key-files.ts';

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
  const readers = await readersOf(env, options);
  const directory = resolve(folder);
  const lock = await lockFolder(directory);
  if (lock === null) throw new CommandFailure(`Another backup is being made in ${directory}. Wait until it has ended.`);
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

/** Null where neither an option nor a setting names anybody, so that it is not encrypted. */
async function readersOf(
  env: Env,
  { encryptTo: recipients = [], passphraseFile }: BackupOptions,
): Promise<Readers | null> {
  const passphrase = passphraseFile === undefined ? await passphraseOf(env) : await passphraseIn(passphraseFile);
  return recipients.length > 0 || passphrase !== null ? { recipients, passphrase } : null;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
}
