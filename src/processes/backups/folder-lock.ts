import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { tryLock } from 'fs-native-extensions';
import { makeFolder } from '../../platform/durable-files.ts';

const LOCK = 'backup.lock';

/** One backup at a time in a folder, whoever makes it; the kernel's lock ends with this process. Null where somebody has it. */
export async function lockFolder(directory: string): Promise<FileHandle | null> {
  await makeFolder(directory);
  const file = await open(join(directory, LOCK), 'a+');
  if (tryLock(file.fd)) return file;
  await file.close();
  return null;
}
