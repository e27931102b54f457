import { QueryTypes, type Sequelize } from 'sequelize';
import type { Role } from './roles.ts';

/** What was read of the keys counts for so long: within this a key that was revoked, by whichever process, opens nothing any more. */
export const FRESH_MS = 1_000;
/** Before it is too old, it is read again behind the requests, so that they do not wait. */
const READ_AGAIN_AFTER_MS = FRESH_MS / 2;
/** While the database is away, what was read last counts for so long, for what needs no database. */
export const KNOWN_LATELY_MS = 60_000;
const NOTE_USE_EVERY_MS = 60_000;

/** A key that was not revoked. One that expired is still here: the service stays closed then. */
export interface KnownKey {
  id: number;
  name: string;
  role: Role;
  sha256: string;
  expires_at: Date | null;
}

/** The keys as they were when their reading began. */
export interface KnownKeys {
  bySha256: Map<string, KnownKey>;
  byId: Map<number, KnownKey>;
  /** By performance.now(). */
  begunMs: number;
}

export function isExpired({ expires_at: expires }: Pick<KnownKey, 'expires_at'>): boolean {
  return expires !== null && expires.getTime() <= Date.now();
}

/** The keys of the database, in memory: a request waits for no query where they were read within FRESH_MS. */
export class KeyRing {
  readonly #sequelize: Sequelize;
  #known: KnownKeys | null = null;
  #reading: { begunMs: number; done: Promise<KnownKeys> } | null = null;
  readonly #usedMs = new Map<number, number>();

  constructor(sequelize: Sequelize) {
    this.#sequelize = sequelize;
  }

  /** What is fresh enough to decide by, without waiting; null: `read` has it. */
  fresh(): KnownKeys | null {
    const ageMs = this.#ageMs();
    if (ageMs > READ_AGAIN_AFTER_MS && ageMs <= FRESH_MS && this.#reading === null) void this.#begin().catch(() => {});
    return ageMs <= FRESH_MS ? this.#known : null;
  }

  /** @throws Error of the database when it is away */
  async read(): Promise<KnownKeys> {
    const newEnoughMs = performance.now() - FRESH_MS;
    for (;;) {
      const { begunMs, done } = this.#reading ?? { begunMs: performance.now(), done: this.#begin() };
      const known = await done;
      // One that was under way for long may not have seen the last second.
      if (begunMs >= newEnoughMs) return known;
    }
  }

  /** The same, and while the database does not answer what was known within KNOWN_LATELY_MS. @throws Error of the database */
  async readOrKnown(): Promise<KnownKeys> {
    const reading = this.read();
    const known = this.#ageMs() <= KNOWN_LATELY_MS ? this.#known : null;
    if (known === null) return await reading;
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<KnownKeys>((resolve) => {
      timer = setTimeout(resolve, FRESH_MS, known);
    });
    try {
      return await Promise.race([reading.catch(() => known), tooLong]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Reads what is committed by now: after this process has changed keys, what comes then sees it. @throws Error of the database */
  async readAnew(): Promise<KnownKeys> {
    return await this.#begin();
  }

  /** Notes that a key is used; nobody waits for it. While the database is away the note is not made. */
  noteUse(id: number): void {
    const now = performance.now();
    if (now - (this.#usedMs.get(id) ?? Number.NEGATIVE_INFINITY) < NOTE_USE_EVERY_MS) return;
    this.#usedMs.set(id, now);
    this.#sequelize
      .query(
        `UPDATE api_keys SET last_used_at = now()
         WHERE id = $id AND (last_used_at IS NULL OR last_used_at < now() - $everyMs * interval '1 millisecond')`,
        { bind: { id, everyMs: NOTE_USE_EVERY_MS } },
      )
      .catch(() => {});
  }

  #ageMs(): number {
    return this.#known === null ? Number.POSITIVE_INFINITY : performance.now() - this.#known.begunMs;
  }

  #begin(): Promise<KnownKeys> {
    const begunMs = performance.now();
    const done = this.#query(begunMs);
    const reading = { begunMs, done };
    this.#reading = reading;
    const end = () => {
      if (this.#reading === reading) this.#reading = null;
    };
    done.then(end, end);
    return done;
  }

  async #query(begunMs: number): Promise<KnownKeys> {
    const rows = await this.#sequelize.query<KnownKey>(
      'SELECT id, name, role, sha256, expires_at FROM api_keys WHERE revoked_at IS NULL',
      { type: QueryTypes.SELECT },
    );
    const known = {
      bySha256: new Map(rows.map((row) => [row.sha256, row])),
      byId: new Map(rows.map((row) => [row.id, row])),
      begunMs,
    };
    // An earlier reading may end after a later one.
    if (this.#known === null || this.#known.begunMs < begunMs) this.#known = known;
    return known;
  }
}
