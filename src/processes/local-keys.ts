import { isOpenWithoutKeys } from '../api/http/safe-address.ts';
import { keyNameField } from '../api/http/shared-schema.ts';
import { presentKey, presentKeys } from '../api/keys/present.ts';
import { CommandFailure, EXIT } from '../cli/exit-codes.ts';
import { expiryOf } from '../cli/keys/expiry.ts';
import { keysText, revokedText, showNewKey } from '../cli/keys/keys.ts';
import { maxRunsOf } from '../cli/keys/limits.ts';
import type { AddOptions } from '../cli/keys/roles.ts';
import type { Session } from '../cli/session.ts';
import { createKey, FIRST_KEY_NOTICE, type OtherWays, revokeKey as revoke } from '../commands/keys/keys.ts';
import { ApiKey } from '../models/keys/api-key.ts';
import type { Env } from '../platform/env.ts';
import { auditedLocally } from './local-audit.ts';
import { inLocalDatabase } from './local-database.ts';

/** What lists name as who made a key that was made past the API. */
const BY = { name: '(local)' };

/** `mtm key add NAME --local`. */
export async function addKey(session: Session, name: string, { role, expires, maxRuns }: AddOptions): Promise<void> {
  const expiry = expiryOf(expires);
  const expiresAt = expiry === null ? null : new Date(expiry);
  const wanted = { name: keyNameOf(name), role, expiresAt, maxOpenRuns: maxRunsOf(maxRuns) };
  const { key, isFirst, shown } = await inLocalDatabase(session.env, () =>
    auditedLocally(
      {
        command: 'mtm key add --local',
        kind: 'key',
        id: null,
        changes: `name: ${wanted.name}; role: ${role}; expires_at: ${expiry}; max_open_runs: ${wanted.maxOpenRuns}`,
      },
      async () => {
        const made = await createKey(wanted, BY, waysOf(session.env));
        return { ...made, id: made.row.id, name: made.row.name, shown: await presentKey(made.row) };
      },
    ),
  );
  showNewKey(session, { ...shown, key, notice: isFirst ? FIRST_KEY_NOTICE : null });
}

/** `mtm key list --local`. */
export async function listKeys({ env, print }: Session, { all }: { all?: true }): Promise<void> {
  const where = all ? {} : { revoked_at: null };
  const items = await inLocalDatabase(env, async () =>
    presentKeys(await ApiKey.findAll({ where, order: [['id', 'DESC']] })),
  );
  print({ items, total: items.length }, () => keysText(items, items.length));
}

/** `mtm key revoke NAME|ID --local`. */
export async function revokeKey({ env, print }: Session, nameOrId: string): Promise<void> {
  const id = await inLocalDatabase(env, async () => {
    const found = /^\d+$/.test(nameOrId)
      ? Number(nameOrId)
      : (await ApiKey.findOne({ where: { name: nameOrId, revoked_at: null } }))?.id;
    if (found === undefined)
      throw new CommandFailure(`No key has the name ${JSON.stringify(nameOrId)}. See \`mtm key list --local\`.`);
    await auditedLocally(
      { command: 'mtm key revoke --local', kind: 'key', id: String(found), changes: '' },
      async () => {
        await revoke(found, waysOf(env));
        return { id: found };
      },
    );
    return found;
  });
  print({ revoked: id }, () => revokedText(nameOrId));
}

/** As the API checks it. @throws CommandFailure */
function keyNameOf(name: string): string {
  const { success, data, error } = keyNameField.safeParse(name);
  if (!success) throw new CommandFailure(`The name ${JSON.stringify(name)} ${error.issues[0]?.message}.`, EXIT.usage);
  return data;
}

function waysOf(env: Env): OtherWays {
  return { hasKeysOfSettings: env.apiKeys.length > 0, isOpenWithoutKeys: isOpenWithoutKeys(env) };
}
