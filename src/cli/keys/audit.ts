import type { components } from '../../../generated/api.d.ts';
import { bodyOf } from '../api/client.ts';
import { CommandFailure } from '../exit-codes.ts';
import type { Session } from '../session.ts';
import { columns } from '../terminal/table.ts';

type AuditRow = components['schemas']['AuditRow'];

export interface AuditOptions {
  who?: string;
  entity?: string;
  id?: string;
  outcome?: AuditRow['outcome'];
  since?: string;
  until?: string;
  last: number;
}

const MOST_AT_ONCE = 200;

/** The newest rows that are asked for, page after page. */
export async function listAudit({ client, print }: Session, options: AuditOptions): Promise<void> {
  const filter = {
    who: options.who,
    entity: options.entity,
    entity_id: options.id,
    outcome: options.outcome,
    since: timeOf('--since', options.since),
    until: timeOf('--until', options.until),
  };
  const items: AuditRow[] = [];
  let after: string | undefined;
  do {
    const limit = Math.min(MOST_AT_ONCE, options.last - items.length);
    if (limit <= 0) break;
    const query = { ...filter, limit, after };
    const page = await bodyOf(client.GET('/api/v1/audit/', { params: { query } }));
    items.push(...page.items);
    after = page.next ?? undefined;
  } while (after !== undefined);
  print({ items }, () => (items.length === 0 ? 'Nothing is like this.' : columns(items.map(cellsOf))));
}

function cellsOf({ at, who, address, method, route, entity, outcome, status, changes, replayed }: AuditRow): string[] {
  const thing = [entity.kind, entity.id, entity.name === null ? null : JSON.stringify(entity.name)];
  return [
    at.replace('T', ' ').replace(/\.\d+Z$/, 'Z'),
    who,
    address,
    `${method} ${route}`,
    thing.filter((part) => part !== null).join(' '),
    `${outcome}${status === null ? '' : ` ${status}`}${replayed ? ', again' : ''}`,
    changes,
  ];
}

/** A day is its beginning in UTC. @throws CommandFailure that names the option */
function timeOf(option: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const time = new Date(text);
  if (Number.isNaN(time.getTime()))
    throw new CommandFailure(
      `${option} is ${JSON.stringify(text)}: give a time as 2026-01-31 or 2026-01-31T08:00:00Z.`,
    );
  return time.toISOString();
}
