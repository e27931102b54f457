import { bodyOf } from '../api/client.ts';
import type { NotificationDelivery, NotificationTarget, NotificationTargetCreate } from '../api/types.ts';
import { CommandFailure, EXIT } from '../exit-codes.ts';
import type { Session } from '../session.ts';
import { columns } from '../terminal/table.ts';

type Events = NotificationTargetCreate['events'];

export interface NewTargetOptions {
  url?: string;
  email?: string;
  /** Which there are, the API knows, and says so of another one. */
  event?: string[];
  runsOf?: string;
}

/** The API gives a hundred at once. */
const MOST_AT_ONCE = 100;

/** `mtm notify add NAME --url URL`: the secret alone on standard output, so that a script can keep it. */
export async function addTarget(session: Session, name: string, options: NewTargetOptions): Promise<void> {
  const { client, print, say } = session;
  const made = await bodyOf(client.POST('/api/v1/notification-targets/', { body: targetOf(name, options) }));
  print(made, () => made.secret ?? `Notification target ${made.id}.`);
  if (made.secret !== null)
    say('This is the secret by which the receiver checks signatures (Standard Webhooks). It is shown this once.');
  say(`\`mtm notify test ${made.id}\` sends a test.`);
}

/** @throws CommandFailure unless it is one of the two */
function targetOf(name: string, { url, email, event, runsOf }: NewTargetOptions): NotificationTargetCreate {
  const choices = { name, events: (event ?? null) as Events, runs_of: runsOf ?? null, enabled: true };
  if (url !== undefined && email === undefined) return { kind: 'webhook', ...choices, url };
  if (email !== undefined && url === undefined) return { kind: 'email', ...choices, address: email };
  throw new CommandFailure('Give either --url, for a webhook, or --email.', EXIT.usage);
}

/** `mtm notify list`: newest first. */
export async function listTargets({ client, print }: Session): Promise<void> {
  const query = { page_size: MOST_AT_ONCE };
  const page = await bodyOf(client.GET('/api/v1/notification-targets/', { params: { query } }));
  print(page, () => {
    if (page.items.length === 0) return 'Nobody is told of anything. See `mtm notify add --help`.';
    const rows = page.items.map(({ id, name, url, address, events, runs_of, enabled, disabled_because }) => [
      String(id),
      name,
      url ?? address ?? '',
      events?.join(', ') ?? 'all',
      runs_of ?? 'all',
      enabled ? 'enabled' : `disabled${disabled_because === null ? '' : `: ${disabled_because}`}`,
    ]);
    return columns([['ID', 'NAME', 'WHERE', 'EVENTS', 'RUNS OF', 'STATUS'], ...rows]);
  });
}

/** `mtm notify test NAME|ID`. @throws CommandFailure where it did not arrive */
export async function testTarget({ client, print }: Session, nameOrId: string): Promise<void> {
  const { id } = await targetNamed(client, nameOrId);
  const params = { path: { id } };
  const sent = await bodyOf(client.POST('/api/v1/notification-targets/{id}/test', { params }));
  print(sent, () => (sent.status === 'delivered' ? `It arrived. ${sent.last_answer}` : 'It did not arrive.'));
  if (sent.status !== 'delivered') throw new CommandFailure(sent.last_answer ?? 'Nothing says why.');
}

export async function enableTarget({ client, print }: Session, nameOrId: string, enabled: boolean): Promise<void> {
  const { id, name } = await targetNamed(client, nameOrId);
  const change = { params: { path: { id } }, body: { enabled } };
  const changed = await bodyOf(client.PATCH('/api/v1/notification-targets/{id}', change));
  print(changed, () => `${name} is ${enabled ? 'enabled' : 'disabled'}.`);
}

export async function removeTarget({ client, print }: Session, nameOrId: string): Promise<void> {
  const { id, name } = await targetNamed(client, nameOrId);
  await bodyOf(client.DELETE('/api/v1/notification-targets/{id}', { params: { path: { id } } }));
  print({ deleted: id }, () => `${name} is told nothing more.`);
}

/** `mtm notify deliveries [NAME|ID]`: newest first. */
export async function listDeliveries(
  { client, print }: Session,
  nameOrId: string | undefined,
  { last }: { last: number },
): Promise<void> {
  const target_id = nameOrId === undefined ? undefined : (await targetNamed(client, nameOrId)).id;
  const query = { page_size: Math.min(last, MOST_AT_ONCE), target_id };
  const page = await bodyOf(client.GET('/api/v1/notification-deliveries/', { params: { query } }));
  print(page, () => {
    if (page.items.length === 0) return 'Nothing was told.';
    const head = ['ID', 'TARGET', 'WHEN', 'EVENT', 'STATUS', 'TRIED', 'LAST ANSWER', 'NEXT'];
    return columns([head, ...page.items.map(cellsOf)]);
  });
}

/** `mtm notify redeliver ID` */
export async function redeliver({ client, print }: Session, id: number): Promise<void> {
  const params = { path: { id } };
  const delivery = await bodyOf(client.POST('/api/v1/notification-deliveries/{id}/redeliver', { params }));
  print(delivery, () => `Delivery ${id} is tried now. See \`mtm notify deliveries\`.`);
}

function cellsOf(delivery: NotificationDelivery): string[] {
  const { id, target_id, created_at, event, status, attempts, last_answer, next_attempt_at } = delivery;
  const minute = (at: string | null) => at?.slice(0, 19).replace('T', ' ') ?? '';
  return [
    String(id),
    String(target_id),
    minute(created_at),
    event,
    status,
    String(attempts),
    last_answer ?? '',
    minute(next_attempt_at),
  ];
}

/** A number is an id, since no name begins with a digit. @throws CommandFailure */
async function targetNamed(client: Session['client'], nameOrId: string): Promise<NotificationTarget> {
  if (/^\d+$/.test(nameOrId)) {
    const params = { path: { id: Number(nameOrId) } };
    return await bodyOf(client.GET('/api/v1/notification-targets/{id}', { params }));
  }
  const query = { page_size: MOST_AT_ONCE };
  const { items } = await bodyOf(client.GET('/api/v1/notification-targets/', { params: { query } }));
  const found = items.find(({ name }) => name === nameOrId);
  if (found) return found;
  throw new CommandFailure(`No notification target has the name ${JSON.stringify(nameOrId)}. See \`mtm notify list\`.`);
}
