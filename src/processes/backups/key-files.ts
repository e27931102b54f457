import { readFile } from 'node:fs/promises';
import { CommandFailure } from '../../cli/exit-codes.ts';
import { identitiesIn } from '../../commands/backups/sealing.ts';
import type { Env } from '../../platform/env.ts';
import { ifUsable } from '../../platform/files.ts';

/** The first line of a file, so that no passphrase is an argument, which others on the machine see. @throws CommandFailure without one */
export async function passphraseIn(path: string, from = '--passphrase-file'): Promise<string> {
  const [passphrase = ''] = (await contentOf(from, path)).split(/\r?\n/);
  if (passphrase === '') throw new CommandFailure(`${from} is ${path}, of which the first line is empty.`);
  return passphrase;
}

/** That of the settings; null where they name no file. @throws CommandFailure where it has none */
export async function passphraseOf({ backupPassphraseFile: path }: Pick<Env, 'backupPassphraseFile'>) {
  return path === undefined ? null : await passphraseIn(path, 'MTM_BACKUP_PASSPHRASE_FILE');
}

/** What `age-keygen` writes. @throws CommandFailure, UserError */
export async function identitiesOf(path: string): Promise<string[]> {
  return identitiesIn(await contentOf('--identity', path), path);
}

async function contentOf(option: string, path: string): Promise<string> {
  const text = await ifUsable(readFile(path, 'utf8'));
  if (text === null) throw new CommandFailure(`${option} is ${path}, which cannot be read.`);
  return text;
}
