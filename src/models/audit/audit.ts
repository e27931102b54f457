import { batchedOutsideTransactions, prepare, rowsOf } from '../prepared.ts';

/** How a request ended; `unknown`: it is under way, or the service ended before it knew. */
export const OUTCOMES = ['done', 'refused', 'failed', 'unknown'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** Who asked for something. */
export interface AuditedWho {
  /** Of a key in the database. */
  key_id: number | null;
  key_name: string;
  role: string | null;
  /** Of the connection: where a proxy stands before the service, the proxy's. */
  address: string;
}

/** What was asked for, as the list has it from then on. */
export interface AuditedRequest extends AuditedWho {
  method: string;
  /** As it is declared, `/jobs/{id}`: paths may hold what is nobody's business. */
  route: string;
  entity_kind: string;
  entity_id: string | null;
  changes: string;
  request_id: string;
  /** Null: not known yet. */
  status: number | null;
}

/** What became of it. */
export interface AuditedEnd {
  id: number;
  status: number;
  replayed: boolean;
  /** Of what was created. */
  entity_id: string | null;
  entity_name: string | null;
}

/** Tables of things that have a name, which a row keeps as it was when they are changed or deleted. */
const NAMED: Record<string, string> = {
  job: 'jobs',
  project: 'projects',
  dataset: 'datasets',
  sweep: 'sweeps',
  key: 'api_keys',
  'notification target': 'notification_targets',
};
const NAME = Object.entries(NAMED)
  .map(([kind, table]) => `WHEN '${kind}' THEN (SELECT name FROM ${table} WHERE id = numbered.number)`)
  .join(' ');

// In the order of the recordset below.
const COLUMNS = 'key_id, key_name, role, address, method, route, entity_kind, entity_id, changes, request_id, status';
const BEGIN = prepare(`
  WITH asked AS MATERIALIZED (
    SELECT nextval('audit_id_seq') AS id, asked.* FROM ROWS FROM (
      json_to_recordset($1::json) AS (key_id int, key_name text, role text, address text, method text,
        route text, entity_kind text, entity_id text, changes text, request_id text, status int)
    ) WITH ORDINALITY AS asked (${COLUMNS}, place)
  ), numbered AS (
    SELECT asked.*, CASE WHEN entity_id ~ '^[1-9][0-9]{0,8}$' THEN entity_id::int END AS number FROM asked
  ), added AS (
    INSERT INTO audit (id, ${COLUMNS}, entity_name, ended_at) OVERRIDING SYSTEM VALUE
    SELECT id, ${COLUMNS}, CASE entity_kind ${NAME} END, CASE WHEN status IS NOT NULL THEN now() END FROM numbered
  )
  SELECT id FROM asked ORDER BY place`);

const END = prepare(`
  UPDATE audit SET status = ended.status, ended_at = now(), replayed = ended.replayed,
    entity_id = coalesce(audit.entity_id, ended.entity_id), entity_name = coalesce(audit.entity_name, ended.entity_name)
  FROM json_to_recordset($1::json) AS ended (id bigint, status int, replayed boolean, entity_id text, entity_name text)
  WHERE audit.id = ended.id
  RETURNING audit.id`);

/**
 * Adds to the list what is about to be done, before anything of it is: what happened is in it whatever ends the service
 * meanwhile. @returns the row's id
 */
export const beginAudited = batchedOutsideTransactions(
  async (asked: AuditedRequest[], transaction): Promise<number[]> => {
    // In their places: the name of a request is its sender's, and two may have the same one.
    const rows = await rowsOf<{ id: number }>(BEGIN, [JSON.stringify(asked)], transaction);
    return rows.map(({ id }) => id);
  },
);

/** Says what became of it. It can be said once. */
export const endAudited = batchedOutsideTransactions(async (ended: AuditedEnd[], transaction): Promise<number[]> => {
  await rowsOf(END, [JSON.stringify(ended)], transaction);
  return ended.map(({ id }) => id);
});
