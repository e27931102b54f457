import { setTimeout as after } from 'node:timers/promises';
import pg from 'pg';
import { explainTls } from '../../platform/postgres/tls.ts';
import { Host } from './host.ts';

/** The first half of the lock's key. Any constant will do, as long as no other program uses it on this database. */
const LOCK_SPACE = 710_422_052;
const CONNECT_TIMEOUT_MS = 3_000;
const TRY_EVERY_MS = 500;
/** PostgreSQL notices within 25 s (see KEEPALIVE) that the machine of the agent before is gone. */
const PATIENCE_MS = 30_000;
/** How soon the server asks a silent client whether it is there. A process that ends is noticed at once. */
const KEEPALIVE = 'SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3';

/** An agent, by what it reports of itself. */
export interface Agent {
  hostName: string;
  startedAt: Date;
}

/**
 * The place of the one agent that a host may have. Two agents of one name would hold each other's workers for dead and
 * replace them in turns: in containers, where each sees its own processes alone, they cannot tell. A session of the
 * database holds the place (an advisory lock), so that it is free as soon as its agent has ended, however that ended.
 */
export class AgentPlace {
  readonly #databaseUrl: string;
  readonly #agent: Agent;
  #session: pg.Client | undefined;
  #released = false;
  #reject: (error: Error) => void = () => {};
  /** Rejects when another agent took the place while the database was away from this one, which has to end then. */
  readonly lost = new Promise<never>((_, reject) => {
    this.#reject = reject;
  });

  /** The models have to be connected to the same database. */
  constructor(databaseUrl: string, agent: Agent) {
    this.#databaseUrl = databaseUrl;
    this.#agent = agent;
    this.lost.catch(() => {});
  }

  /** Whether this agent has the place at the moment: one that has not must not report. */
  get isHeld(): boolean {
    return this.#session !== undefined;
  }

  /**
   * Takes the place; waits a while for an agent that is ending, or whose machine is gone.
   * @throws Error with the remedy when another agent has the place and reports, or does not let go of it.
   */
  async take(): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    let seen: Host | null | undefined;
    while (!(await this.#try())) {
      const other = await Host.findByPk(this.#agent.hostName);
      const reports = seen !== undefined && other?.heartbeat_at.getTime() !== seen?.heartbeat_at.getTime();
      if (reports || performance.now() > deadline) throw this.#taken(other);
      seen ??= other;
      await after(TRY_EVERY_MS);
    }
  }

  async release(): Promise<void> {
    this.#released = true;
    await this.#session?.end().catch(() => {});
  }

  async #try(): Promise<boolean> {
    const session = new pg.Client({
      connectionString: this.#databaseUrl,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
    });
    // Without a listener an ended session would end this process; what follows from it is done on `end`.
    session.on('error', () => {});
    let isTaken = false;
    try {
      await session.connect();
      await session.query(KEEPALIVE);
      const lock = 'SELECT pg_try_advisory_lock($1, hashtext($2)) AS taken';
      const { rows } = await session.query<{ taken: boolean }>(lock, [LOCK_SPACE, this.#agent.hostName]);
      isTaken = rows[0]?.taken === true;
    } catch (error) {
      throw explainTls(error, this.#databaseUrl);
    } finally {
      if (!isTaken) await session.end().catch(() => {});
    }
    if (!isTaken) return false;
    if (this.#released) {
      await session.end();
      return true;
    }
    this.#session = session;
    session.once('end', () => {
      this.#session = undefined;
      if (!this.#released) void this.#takeAgain();
    });
    return true;
  }

  /** The database ended the session, or was restarted. Until it is there again nobody else gets the place either. */
  async #takeAgain(): Promise<void> {
    while (!this.#released) {
      try {
        if (await this.#try()) return;
        // It may be our own session, of which the server does not know yet that it is over: that one reports nothing.
        const other = await Host.findByPk(this.#agent.hostName);
        if (other && other.started_at.getTime() !== this.#agent.startedAt.getTime())
          return this.#reject(this.#taken(other));
      } catch {
        // The database is still away.
      }
      await after(TRY_EVERY_MS);
    }
  }

  #taken(other: Host | null): Error {
    const which = other ? ` (process ${other.agent_pid}, started ${other.started_at.toISOString()})` : '';
    return new Error(
      `Host ${this.#agent.hostName} has an agent already${which}, and two of one name would end each other's workers. Stop the other one, or give this one a name of its own: MTM_HOST_NAME.`,
    );
  }
}
