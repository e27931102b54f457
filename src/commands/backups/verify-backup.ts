import type { BackupReader } from './manifest.ts';

/** Reads all of a backup. @throws UserError that names what is missing, or is not what was written */
export async function verifyBackup(backup: BackupReader, signal?: AbortSignal): Promise<void> {
  const { files, tables } = backup.manifest;
  await backup.verify(files.list, 'the list of files');
  for (const { name, stored } of tables) await backup.verify(stored, `the table ${name}`);
  const verified = new Set<string>();
  for await (const entry of backup.files()) {
    signal?.throwIfAborted();
    if (!('stored' in entry) || verified.has(entry.stored.blob)) continue;
    verified.add(entry.stored.blob);
    await backup.verify(entry.stored, entry.path);
  }
}
