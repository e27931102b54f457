import { resolve } from 'node:path';
import type { Session } from '../../cli/session.ts';
import { restoreBackup } from '../../commands/backups/restore-backup.ts';
import { makeFolder } from '../../platform/durable-files.ts';
import { embedded } from '../database-of-home.ts';
import { lockHome } from '../start/home-lock.ts';
import { identitiesOf, passphraseIn } from './key-files.ts';

export interface RestoreOptions {
  outputRoot?: string[];
  identity?: string;
  passphraseFile?: string;
}

/** `mtm restore DIR` */
export async function restore(
  { env, print, say }: Session,
  folder: string,
  { outputRoot = [], identity, passphraseFile }: RestoreOptions,
): Promise<void> {
  const keys = {
    identities: identity === undefined ? [] : await identitiesOf(identity),
    passphrase: passphraseFile === undefined ? null : await passphraseIn(passphraseFile),
  };
  await makeFolder(env.home);
  const lock = await lockHome(env.home, 0);
  try {
    const restored = await restoreBackup({
      env,
      folder: resolve(folder),
      keys,
      outputRoots: outputRoot,
      openDatabase: async () =>
        env.databaseUrl
          ? { url: env.databaseUrl, close: async () => {} }
          : await embedded(env, { ...lock, release: async () => {} }),
      onProgress: say,
    });
    print(restored, () =>
      [
        `Restored into ${env.home}: ${restored.files} files, and the database as of ${restored.made_at}.`,
        ...restored.left_out.map((sentence) => `Not in the backup: ${sentence}`),
        ...restored.missing_models.map(
          (name) => `This machine does not have the base model ${name}: \`mtm model add ${name}\` fetches it.`,
        ),
        'The old service must not go on beside this one: both would train the same runs. `mtm up` starts this one.',
      ].join('\n'),
    );
  } finally {
    await lock.release();
  }
}
