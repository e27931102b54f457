import { join } from 'node:path';
import { UserError } from '../../platform/failure.ts';
import { exists } from '../../platform/files.ts';

/** In a home as long as not all of a backup is there. */
export const RESTORING = 'restoring.json';

/** @throws UserError where a backup was begun to be restored and was not finished: rows and files do not belong together yet */
export async function requireRestored(home: string): Promise<void> {
  if (await exists(join(home, RESTORING)))
    throw new UserError(
      `A backup was begun to be restored into ${home} and is not all there. Give the same \`mtm restore\` again: it finishes. To start with nothing, set MTM_HOME to another folder.`,
    );
}
