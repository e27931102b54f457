import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { ApiKey } from '../../models/keys/api-key.ts';
import type { Principal } from '../../models/keys/roles.ts';
import { aloneIn, withOwnName } from '../../models/named-rows.ts';
import type { NotificationEvent } from '../../models/notifications/events.ts';
import { NotificationTarget, type TargetKind } from '../../models/notifications/notification-target.ts';
import type { Env } from '../../platform/env.ts';
import { ConflictError, NotFoundError, UserError } from '../../platform/failure.ts';
import { privateKindOf } from '../../platform/public-addresses.ts';

/** Each is looked at whenever a run ends. */
const MOST_TARGETS = 100;
/** As Standard Webhooks has it: 24 to 64 bytes, in Base64, behind `whsec_`. */
const SECRET_BYTES = 32;

export interface TargetChoices {
  name: string;
  /** The URL of a webhook, or where an e-mail goes. */
  address: string;
  events: NotificationEvent[] | null;
  runs_of: string | null;
  enabled: boolean;
}

type Changes = { [Field in keyof TargetChoices]?: TargetChoices[Field] | undefined };

/**
 * Adds somebody who is told of what happens.
 * @returns the row, whose secret is for this one answer
 * @throws UserError, ConflictError
 */
export async function createTarget(
  { kind, ...choices }: TargetChoices & { kind: TargetKind },
  by: Pick<Principal, 'name'>,
  env: Env,
): Promise<NotificationTarget> {
  if (kind === 'email') requireMail(env);
  await requireUsable(kind, choices, env);
  const secret = kind === 'webhook' ? `whsec_${randomBytes(SECRET_BYTES).toString('base64')}` : null;
  return await aloneIn('notification_targets', async (transaction) => {
    const count = await NotificationTarget.count({ transaction });
    if (count >= MOST_TARGETS)
      throw new ConflictError(`There are ${count} notification targets, which is the most. Delete one first.`);
    const row = { ...choices, events: distinct(choices.events), kind, secret, created_by: by.name };
    return await named(choices.name, () => NotificationTarget.create(row, { transaction }));
  });
}

/** Changes what is given; a target that is enabled again has no reason to be disabled any more. @throws NotFoundError, UserError, ConflictError */
export async function changeTarget(id: number, changes: Changes, env: Env): Promise<NotificationTarget> {
  const row = await findTarget(id);
  if (changes.enabled && row.kind === 'email') requireMail(env);
  await requireUsable(row.kind, changes, env);
  const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
  const events = changes.events ? { events: distinct(changes.events) } : {};
  const enabled = changes.enabled ? { disabled_because: null } : {};
  return await named(changes.name ?? row.name, () => row.update({ ...given, ...events, ...enabled }));
}

/** Nothing more is sent there, also of what happened before. @throws NotFoundError */
export async function deleteTarget(id: number): Promise<void> {
  await (await findTarget(id)).destroy();
}

/** @throws NotFoundError */
export async function findTarget(id: number): Promise<NotificationTarget> {
  const row = await NotificationTarget.findByPk(id);
  if (row === null) throw new NotFoundError(`Notification target ${id} not found.`);
  return row;
}

function distinct(events: NotificationEvent[] | null): NotificationEvent[] | null {
  return events && [...new Set(events)];
}

/** @throws UserError that names the settings which are missing */
function requireMail({ smtpUrl, mailFrom }: Env): void {
  const missing = [...(smtpUrl ? [] : ['MTM_SMTP_URL']), ...(mailFrom ? [] : ['MTM_MAIL_FROM'])];
  if (missing.length === 0) return;
  throw new UserError(
    `kind is email, and the service cannot send e-mail: set ${missing.join(' and ')}, and start it again.`,
    { field: 'kind' },
  );
}

async function requireUsable(kind: TargetKind, { address, runs_of }: Changes, env: Env): Promise<void> {
  if (address !== undefined) kind === 'webhook' ? requireUrl(address, env) : requireEmail(address);
  if (runs_of) await requireKey(runs_of, env);
}

/** What a name leads to is looked at whenever something is sent there. @throws UserError */
function requireUrl(text: string, env: Env): void {
  const [shown, why] = problemOfUrl(text, env) ?? [];
  if (why !== undefined) throw new UserError(`url is ${JSON.stringify(shown)}: ${why}`, { field: 'url' });
}

/** As it may be shown, and why it cannot be used; null where it can. */
function problemOfUrl(text: string, { webhooksAllowPrivate }: Env): [string, string] | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol))
    return [text, 'give a URL that begins with https:// or http://.'];
  if (url.username !== '' || url.password !== '')
    return [
      `${url.protocol}//…@${url.host}`,
      'it has a name or a password in it. Leave them out: a receiver knows the service by its signature.',
    ];
  const isLocal = /(^|\.)localhost\.?$/.test(url.hostname);
  const range = isLocal ? 'loopback' : privateKindOf(url.hostname);
  if (range === null || webhooksAllowPrivate) return null;
  return [
    text,
    `that is no public address (${range}). Set MTM_WEBHOOKS_ALLOW_PRIVATE=true, and start the service again, to allow such addresses.`,
  ];
}

/** @throws UserError */
function requireEmail(text: string): void {
  if (!z.email().safeParse(text).success)
    throw new UserError(`address is ${JSON.stringify(text)}: give one e-mail address, as anna@example.com.`, {
      field: 'address',
    });
}

/** A name that no key has would be a target that never hears of anything. @throws UserError */
async function requireKey(name: string, { apiKeys }: Env): Promise<void> {
  const [, ofSettings] = /^MTM_API_KEYS #(\d+)$/.exec(name) ?? [];
  const isThere =
    ofSettings === undefined
      ? (await ApiKey.count({ where: { name } })) > 0
      : Number(ofSettings) >= 1 && Number(ofSettings) <= apiKeys.length;
  if (isThere) return;
  throw new UserError(
    `runs_of is ${JSON.stringify(name)}, and no key has this name. GET /keys/ lists them; null is all runs.`,
    { field: 'runs_of' },
  );
}

/** @throws ConflictError for a name that another target has */
async function named<T>(name: string, write: () => Promise<T>): Promise<T> {
  const sentence = `Another notification target has the name ${JSON.stringify(name)}. Choose another name, or delete that one first.`;
  return await withOwnName(sentence, write);
}
