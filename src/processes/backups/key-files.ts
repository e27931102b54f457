import { readFile } from 'node:fs/promises';
import { CommandFailure } from '../../cli/exit-codes.ts';
import { identitiesIn } from '../../commands/backups/sealing.ts';
import { ifUsable } from '../../platform/files.ts';

/** The first line of a file, so that no passphrase is an argument, which others on the machine see. @throws CommandFailure without one */
export async function passphraseIn(path: string): Promise<string> {
  const [passphrase = ''] = (await contentOf('--passphrase-file', path)).split(/\r?\n/);
  if (passphrase === '') throw new CommandFailure(`--passphrase-file is ${path}, of which the first line is empty.`);
  return passphrase;
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
