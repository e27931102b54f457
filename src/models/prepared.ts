import { createHash } from 'node:crypto';
import pg from 'pg';
import type { Attributes, Model, ModelStatic, Sequelize, Transaction } from 'sequelize';
import { batched } from '../platform/batched.ts';
import { isRefused } from '../platform/postgres/sql-state.ts';
import { connection } from './runs/run.ts';

/**
 * What the API does for each request of many is one statement, which each connection has PostgreSQL parse and plan once. Sequelize
 * knows no prepared statements, and takes as long for one query as the rest of an answer; its connections are used, and its errors.
 */
export interface Prepared {
  name: string;
  text: string;
}

/** PostgreSQL plans without the values: for statements that find their rows by keys. `$1` and so on stand for the values. */
export function prepare(text: string): Prepared {
  // PostgreSQL cuts names off at 63 bytes.
  return { name: createHash('sha256').update(text).digest('hex').slice(0, 32), text };
}

/** PostgreSQL takes a list whose values it does not know for so long. */
const EXPECTED_KEYS = 10;

/**
 * Keys for `= ANY ($1)`, each once. Of a shorter list a plan of its own looks cheaper to PostgreSQL than the one that it has, and it
 * would make one each time, which takes longer than to find the rows: so a key is said again.
 */
export function keysOf(keys: number[]): number[] {
  const all = [...new Set(keys)];
  while (all.length > 0 && all.length < EXPECTED_KEYS) all.push(all[0] as number);
  return all;
}

/** @throws what Sequelize's own queries throw */
export async function rowsOf<Row>(
  { name, text }: Prepared,
  values: unknown[],
  transaction: Transaction | null,
): Promise<Row[]> {
  const sequelize = connection();
  const query = async (client: pg.Client) => (await client.query({ name, text, values })).rows as Row[];
  const inTermsOfSequelize = (error: unknown) => {
    throw formatted(sequelize, error);
  };
  if (transaction) return await query(clientOf(transaction)).catch(inTermsOfSequelize);
  const manager = sequelize.connectionManager;
  const client = (await manager.getConnection({ type: 'write' })) as pg.Client;
  try {
    const rows = await query(client);
    manager.releaseConnection(client);
    return rows;
  } catch (error) {
    // Without an answer of the server nobody knows in which state the connection is.
    if (error instanceof pg.DatabaseError) manager.releaseConnection(client);
    else await manager.destroyConnection(client);
    return inTermsOfSequelize(error);
  }
}

/**
 * What each of many requests does, for all that come at the same time by one statement; in a transaction, for its own alone. See
 * `batched`.
 */
export function batchedOutsideTransactions<Asked, Found>(
  work: (asked: Asked[], transaction: Transaction | null) => Promise<Found[]>,
): (asked: Asked, transaction: Transaction | null) => Promise<Found> {
  const outside = batched((asked: Asked[]) => work(asked, null), isRefused);
  return async (asked, transaction) => {
    if (!transaction) return await outside(asked);
    const [found] = await work([asked], transaction);
    return found as Found;
  };
}

/** Sequelize has the connection of a transaction, and the rule by which errors of pg become its own, and declares neither. */
interface Undeclared {
  connection: pg.Client;
  dialect: {
    Query: new (client: null, sequelize: Sequelize, options: object) => { formatError(error: unknown): Error };
  };
}

function clientOf(transaction: Transaction): pg.Client {
  return (transaction as unknown as Undeclared).connection;
}

function formatted(sequelize: Sequelize, error: unknown): Error {
  const { Query } = (sequelize as unknown as Undeclared).dialect;
  return new Query(null, sequelize, {}).formatError(error);
}

type FromText = (text: string) => unknown;
/** What JSON has as texts: dates, and of numbers those that are none. */
const FROM_TEXT: Record<string, FromText> = {
  'TIMESTAMP WITH TIME ZONE': (text) => new Date(text),
  'DOUBLE PRECISION': Number,
};
const columnsOf = new Map<ModelStatic<Model>, [string, FromText][]>();

/**
 * A row, or some columns of it, of PostgreSQL's `to_json`: one value to send and to read, where each column would be one. As
 * Sequelize reads it; the same object.
 */
export function rowFromJson<M extends Model, Row extends Partial<Attributes<M>>>(
  model: ModelStatic<M>,
  json: Row,
): Row {
  let columns = columnsOf.get(model);
  if (!columns) {
    columns = Object.entries(model.getAttributes()).flatMap(([name, { type }]) => {
      const fromText = typeof type === 'string' ? undefined : FROM_TEXT[type.toString({})];
      return fromText ? [[name, fromText] as [string, FromText]] : [];
    });
    columnsOf.set(model, columns);
  }
  const row = json as Record<string, unknown>;
  for (const [name, fromText] of columns) if (typeof row[name] === 'string') row[name] = fromText(row[name]);
  return json;
}
