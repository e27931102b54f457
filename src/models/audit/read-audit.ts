import { QueryTypes } from 'sequelize';
import { connection } from '../runs/run.ts';
import type { AuditedRequest, Outcome } from './audit.ts';

export interface AuditRow extends AuditedRequest {
  id: number;
  created_at: Date;
  ended_at: Date | null;
  entity_name: string | null;
  replayed: boolean;
  outcome: Outcome;
}

/** A place in the list: its rows are in the order of their times, and of one time in that of their ids. */
export interface AuditPlace {
  at: Date;
  id: number;
}

export interface AuditFilter {
  /** Name of a key. */
  who?: string | undefined;
  entity?: { kind: string; id?: string | undefined } | undefined;
  outcome?: Outcome | undefined;
  since?: Date | undefined;
  until?: Date | undefined;
  before?: AuditPlace | undefined;
}

const COLUMNS =
  'id, created_at, key_id, key_name, role, address, method, route, entity_kind, entity_id, entity_name, changes, request_id, status, ended_at, replayed, outcome';

/** What is asked of the database: an index has each filter in the order of the list. */
export function auditQuery(
  { who, entity, outcome, since, until, before }: AuditFilter,
  limit: number,
): { sql: string; bind: Record<string, unknown> } {
  const conditions = [
    who !== undefined && 'key_name = $who',
    entity && 'entity_kind = $kind',
    entity?.id !== undefined ? 'entity_id = $entityId' : null,
    outcome && 'outcome = $outcome',
    since && 'created_at >= $since',
    until && 'created_at < $until',
    before && '(created_at, id) < ($beforeAt::timestamptz, $beforeId::bigint)',
  ].filter((condition) => typeof condition === 'string');
  const bind = {
    ...(who === undefined ? {} : { who }),
    ...(entity ? { kind: entity.kind } : {}),
    ...(entity?.id !== undefined ? { entityId: entity.id } : {}),
    ...(outcome ? { outcome } : {}),
    ...(since ? { since } : {}),
    ...(until ? { until } : {}),
    ...(before ? { beforeAt: before.at, beforeId: before.id } : {}),
    limit,
  };
  const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
  return { sql: `SELECT ${COLUMNS} FROM audit ${where} ORDER BY created_at DESC, id DESC LIMIT $limit`, bind };
}

/** A page of the list, newest first, and whether there is more behind it. */
export async function readAudit(filter: AuditFilter, limit: number): Promise<{ rows: AuditRow[]; hasMore: boolean }> {
  const { sql, bind } = auditQuery(filter, limit + 1);
  const rows = await connection().query<AuditRow>(sql, { bind, type: QueryTypes.SELECT });
  return { rows: rows.slice(0, limit), hasMore: rows.length > limit };
}

/** No statement takes long, however many rows there are. */
const ROWS_AT_ONCE = 5_000;

/** Removes what is older than so many days. @returns how many rows */
export async function forgetOldAudit(keepDays: number, atOnce = ROWS_AT_ONCE): Promise<number> {
  let forgotten = 0;
  for (;;) {
    const removed = await connection().transaction(async (transaction) => {
      // The table's own trigger lets nothing younger go.
      await connection().query(
        `SELECT set_config('mtm.audit_removed_before', (now() - $keepDays * interval '1 day')::text, true)`,
        { bind: { keepDays }, type: QueryTypes.SELECT, transaction },
      );
      const [rows] = await connection().query<{ n: number }>(
        `WITH gone AS (DELETE FROM audit WHERE id = ANY (ARRAY(
           SELECT id FROM audit WHERE created_at < current_setting('mtm.audit_removed_before')::timestamptz
           ORDER BY created_at, id LIMIT $atOnce)) RETURNING 1)
         SELECT count(*)::int AS n FROM gone`,
        { bind: { atOnce }, type: QueryTypes.SELECT, transaction },
      );
      return rows?.n ?? 0;
    });
    forgotten += removed;
    if (removed < atOnce) return forgotten;
  }
}
