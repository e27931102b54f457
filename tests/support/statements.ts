import pg from 'pg';

/** What was asked of PostgreSQL by this process. */
export interface Statement {
  /** In the course of what. */
  during: string;
  text: string;
  values: unknown[];
  /** PostgreSQL plans it without its values. */
  isPrepared: boolean;
}

/** Rows that a statement read in one place of its plan, beside those that it had to read. */
export interface LargeRead {
  statement: Statement;
  table: string;
  /** As EXPLAIN calls it. */
  how: string;
  rows: number;
  plan: string;
}

interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  'Rows Removed by Index Recheck'?: number;
  Plans?: PlanNode[];
}

type Query = (...args: unknown[]) => unknown;

/** Hears every statement that goes over a connection of pg, which Sequelize uses as well, until `stop`. */
export function hearStatements(): { heard: Statement[]; during(what: string): void; stop(): void } {
  const prototype = pg.Client.prototype as unknown as { query: Query };
  const { query } = prototype;
  const heard: Statement[] = [];
  let during = '';
  prototype.query = function heardQuery(this: unknown, ...args: unknown[]) {
    const [asked, given] = args;
    const { text, values, name } = (typeof asked === 'string' ? { text: asked } : asked) as {
      text: string;
      values?: unknown[];
      name?: string;
    };
    const bound = values ?? (Array.isArray(given) ? given : []);
    if (/^\s*(SELECT|WITH|INSERT|UPDATE|DELETE)\b/i.test(text))
      heard.push({ during, text: text.trim().replace(/;$/, ''), values: bound, isPrepared: name !== undefined });
    return query.apply(this, args);
  };
  return {
    heard,
    during: (what) => {
      during = what;
    },
    stop: () => {
      prototype.query = query;
    },
  };
}

/** Of what was asked in the course of one thing each statement once, whatever its numbers and texts are. */
export function differentOnes(heard: Statement[]): Statement[] {
  const byForm = new Map<string, Statement>();
  for (const statement of heard) {
    const form = statement.text
      .replaceAll(/'(?:[^']|'')*'/g, '?')
      .replaceAll(/\b\d+\b/g, '?')
      .replaceAll(/\?(, \?)+/g, '?');
    const key = `${statement.during}\n${form}`;
    if (!byForm.has(key)) byForm.set(key, statement);
  }
  return [...byForm.values()];
}

/**
 * Does a statement again and undoes it, as PostgreSQL then plans it, and says where it read more than `most` rows of one of these tables. Null: it
 * cannot be done twice, such as the making of what is there by now.
 */
export async function largeReads(
  client: pg.Client,
  statement: Statement,
  most: number,
  large: Set<string>,
): Promise<LargeRead[] | null> {
  const { text, values, isPrepared } = statement;
  await client.query('BEGIN');
  try {
    await client.query(`SET LOCAL plan_cache_mode = ${isPrepared ? 'force_generic_plan' : 'force_custom_plan'}`);
    // What the deletion of audit rows asks for, in a statement of its own before it.
    await client.query("SELECT set_config('mtm.audit_removed_before', (now() - interval '1 year')::text, true)");
    await client.query(`PREPARE again AS ${text}`);
    const given = values.map(literalOf);
    const { rows } = await client.query(
      `EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE again${given.length > 0 ? `(${given.join(', ')})` : ''}`,
    );
    const [{ Plan: root }] = rows[0]['QUERY PLAN'] as [{ Plan: PlanNode }];
    return nodesOf(root).flatMap((node) => {
      const read =
        node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0);
      const rows = Math.round(read * node['Actual Loops']);
      const table = node['Relation Name'];
      if (table === undefined || rows <= most || !large.has(table) || node['Node Type'] === 'ModifyTable') return [];
      const how = [node['Node Type'], node['Index Name']].filter(Boolean).join(' by ');
      return [{ statement, table, how, rows, plan: inWords(root) }];
    });
  } catch (error) {
    if ((error as pg.DatabaseError).code === '23505') return null;
    throw new Error(`${(error as Error).message}, in the course of ${statement.during}: ${text}`);
  } finally {
    await client.query('ROLLBACK');
    await client.query('DEALLOCATE ALL');
  }
}

/** As the server reads it where it knows the type. */
function literalOf(value: unknown): string {
  return value === null || value === undefined ? 'NULL' : pg.escapeLiteral(textOf(value));
}

function textOf(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value))
    return `{${value.map((one) => (one === null ? 'NULL' : JSON.stringify(textOf(one)))).join(',')}}`;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function nodesOf(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)];
}

function inWords(node: PlanNode, depth = 0): string {
  const { 'Node Type': type, 'Relation Name': table, 'Index Name': index } = node;
  const line = [
    type,
    index && `by ${index}`,
    table && `of ${table}`,
    `${node['Actual Rows']} rows x ${node['Actual Loops']}`,
    node['Rows Removed by Filter'] && `${node['Rows Removed by Filter']} left out`,
  ];
  return [
    `${'  '.repeat(depth)}${line.filter(Boolean).join(' ')}`,
    ...(node.Plans ?? []).map((each) => inWords(each, depth + 1)),
  ].join('\n');
}

/** The tables with more rows than `most`, as ANALYZE counted them. */
export async function tablesLargerThan(client: pg.Client, most: number): Promise<Set<string>> {
  const { rows } = await client.query<{ name: string }>(
    "SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND reltuples > $1",
    [most],
  );
  return new Set(rows.map(({ name }) => name));
}
