import { bodyOf } from '../api/client.ts';
import type { Key, NewKey } from '../api/types.ts';
import { CommandFailure } from '../exit-codes.ts';
import type { Session } from '../session.ts';
import { columns } from '../terminal/table.ts';
import { expiryOf } from './expiry.ts';
import { maxRunsOf } from './limits.ts';
import type { AddOptions } from './roles.ts';

/** `mtm key add NAME --role R`: the key alone on standard output, so that a script can keep it. */
export async function addKey(session: Session, name: string, { role, expires, maxRuns }: AddOptions): Promise<void> {
  const body = { name, role, expires_at: expiryOf(expires), max_open_runs: maxRunsOf(maxRuns) };
  showNewKey(session, await bodyOf(session.client.POST('/api/v1/keys/', { body })));
}

export function showNewKey({ print, say }: Session, made: NewKey): void {
  print(made, () => made.key);
  const until = made.expires_at === null ? 'does not expire' : `expires at ${made.expires_at}`;
  say(`The key ${JSON.stringify(made.name)} has the role ${made.role} and ${until}. It is shown this once.`);
  if (made.notice !== null) say(made.notice);
}

/** `mtm key list`: newest first. */
export async function listKeys({ client, print }: Session, { all }: { all?: true }): Promise<void> {
  const query = { page_size: 100, revoked: all ? 'true' : 'false' } as const;
  const page = await bodyOf(client.GET('/api/v1/keys/', { params: { query } }));
  print(page, () => keysText(page.items, page.total));
}

export function keysText(keys: Key[], total: number): string {
  if (keys.length === 0) return 'There is no key in the database.';
  const head = ['ID', 'NAME', 'ROLE', 'KEY', 'STATUS', 'MADE BY', 'EXPIRES', 'LAST USED', 'RUNS'];
  const day = (at: string | null, otherwise: string) => at?.slice(0, 16).replace('T', ' ') ?? otherwise;
  const rows = keys.map(({ id, name, role, public_part, status, created_by, expires_at, last_used_at, ...runs }) => [
    String(id),
    name,
    role,
    `${public_part}…`,
    status,
    created_by,
    day(expires_at, 'never'),
    day(last_used_at, 'never'),
    runs.max_open_runs === null ? String(runs.open_runs) : `${runs.open_runs} of ${runs.max_open_runs}`,
  ]);
  const more = total > keys.length ? [`And ${total - keys.length} more.`] : [];
  return [columns([head, ...rows]), ...more].join('\n');
}

/** `mtm key limit NAME|ID --max-runs N`: runs that are there stay. */
export async function limitKey(
  { client, print }: Session,
  nameOrId: string,
  { maxRuns }: Pick<AddOptions, 'maxRuns'>,
): Promise<void> {
  const body = { max_open_runs: maxRunsOf(maxRuns) };
  const id = await keyIdOf(client, nameOrId);
  const key = await bodyOf(client.PATCH('/api/v1/keys/{id}', { params: { path: { id } }, body }));
  const may = key.max_open_runs === null ? 'any number of runs' : `${key.max_open_runs} runs`;
  print(
    key,
    () => `The key ${JSON.stringify(key.name)} may have ${may} that wait or are under way, and has ${key.open_runs}.`,
  );
}

/** `mtm key revoke NAME|ID`: a number is an id, since no name begins with a digit. */
export async function revokeKey({ client, print }: Session, nameOrId: string): Promise<void> {
  const id = await keyIdOf(client, nameOrId);
  await bodyOf(client.DELETE('/api/v1/keys/{id}', { params: { path: { id } } }));
  print({ revoked: id }, () => revokedText(nameOrId));
}

export function revokedText(nameOrId: string): string {
  return `The key ${nameOrId} is revoked: within a second it opens nothing any more.`;
}

async function keyIdOf(client: Session['client'], nameOrId: string): Promise<number> {
  return /^\d+$/.test(nameOrId) ? Number(nameOrId) : await idOf(client, nameOrId);
}

/** @throws CommandFailure */
async function idOf(client: Session['client'], name: string): Promise<number> {
  for (let page = 1; ; page += 1) {
    const { items, pages } = await bodyOf(client.GET('/api/v1/keys/', { params: { query: { page, page_size: 100 } } }));
    const found = items.find((key) => key.name === name);
    if (found) return found.id;
    if (page >= pages) throw new CommandFailure(`No key has the name ${JSON.stringify(name)}. See \`mtm key list\`.`);
  }
}
