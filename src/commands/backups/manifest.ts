import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { UserError } from '../../platform/failure.ts';
import { errnoOf, ifThere } from '../../platform/files.ts';
import { type Keys, Seal } from './sealing.ts';

/** Of the layout of a backup: raised when an earlier version could not read it any more. */
export const FORMAT = 1;
export const MANIFEST = 'manifest.json';
/** Its SHA-256, which is written last of all. */
export const MANIFEST_SUM = 'manifest.sha256';
export const FILE_LIST = 'files.jsonl';
/** What a backup is called until it is whole, and again while it is removed. */
export const PARTIAL = '.partial';
const NAME = /^backup-\d{8}T\d{9}Z$/;

const StoredSchema = z.object({
  /** Where it lies in the backup. */
  blob: z.string().regex(/^[a-z]+\/[\w./-]+$|^files\.jsonl$/),
  bytes: z.int().min(0),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
export type Stored = z.output<typeof StoredSchema>;

const TableSchema = z.object({
  name: z.string(),
  columns: z.array(z.string()),
  rows: z.int().min(0),
  stored: StoredSchema,
});
export type BackedUpTable = z.output<typeof TableSchema>;

const ManifestSchema = z.object({
  format: z.literal(FORMAT),
  /** Of the service that made it. */
  version: z.string(),
  /** The moment that the database shows, in ISO 8601. */
  made_at: z.iso.datetime(),
  /** The names of the migrations that the database had. */
  schema: z.array(z.string()),
  /** Where things lay on the machine that it was made on. */
  home: z.string(),
  output_roots: z.array(z.string()),
  host_name: z.string(),
  tables: z.array(TableSchema),
  sequences: z.array(z.object({ name: z.string(), last_value: z.string(), is_called: z.boolean() })),
  files: z.object({ count: z.int(), bytes: z.int(), list: StoredSchema }),
  /** Base models that runs use, which are not in the backup. */
  models: z.array(z.object({ name: z.string(), revision: z.string().nullable() })),
  /** Sentences about what is not in it. */
  left_out: z.array(z.string()),
});
export type Manifest = z.output<typeof ManifestSchema>;

const path = z.string().startsWith('/');
const FileSchema = z.union([
  z.object({
    path,
    stored: StoredSchema,
    mode: z.int(),
    mtime_ms: z.number(),
    /** Device, inode, size and times: the same again is the same content, and the same within a backup is the same file. */
    identity: z.string(),
  }),
  /** A link `latest` beside a model, to a name in its folder. */
  z.object({ path, link: z.string().regex(/^[^/]+$/) }),
]);
export type BackedUpEntry = z.output<typeof FileSchema>;
export type BackedUpFile = Extract<BackedUpEntry, { stored: Stored }>;

/** The names of the whole backups in a folder, oldest first. */
export async function backupsIn(directory: string): Promise<string[]> {
  return ((await ifThere(readdir(directory))) ?? []).filter((name) => NAME.test(name)).sort();
}

/** Those that were not finished, or not quite removed. */
export async function partialBackupsIn(directory: string): Promise<string[]> {
  const names = (await ifThere(readdir(directory))) ?? [];
  return names.filter((name) => name.endsWith(PARTIAL) && NAME.test(name.slice(0, -PARTIAL.length)));
}

/** How a backup that begins now is called: names sort as their times do. */
export function nameOfBackup(now: Date): string {
  return `backup-${now.toISOString().replace(/[-:.]/g, '')}`;
}

/** A whole backup, and the key to it where it is encrypted. */
export class BackupReader {
  readonly folder: string;
  readonly manifest: Manifest;
  readonly #seal: Seal | null;

  private constructor(folder: string, manifest: Manifest, seal: Seal | null) {
    this.folder = folder;
    this.manifest = manifest;
    this.#seal = seal;
  }

  /** @throws UserError that says why a folder is no backup that this version, and these keys, can read */
  static async open(folder: string, keys: Keys = { identities: [], passphrase: null }): Promise<BackupReader> {
    const [stored, sum] = await Promise.all(
      [MANIFEST, MANIFEST_SUM].map((name) => ifThere(readFile(join(folder, name)))),
    );
    if (stored == null || sum == null)
      throw new UserError(
        `${folder} is no whole backup: it has no ${stored == null ? MANIFEST : MANIFEST_SUM}. Name a folder backup-<time> that \`mtm backup\` has finished.`,
      );
    if (createHash('sha256').update(stored).digest('hex') !== sum.toString().trim())
      throw new UserError(
        `${join(folder, MANIFEST)} is not what was written: its SHA-256 differs. Use another backup.`,
      );
    const seal = await Seal.open(folder, keys);
    const content = JSON.parse(await text(contentOf(join(folder, MANIFEST), seal))) as unknown;
    const parsed = ManifestSchema.safeParse(content);
    if (parsed.success) return new BackupReader(folder, parsed.data, seal);
    const { format, version } = z.looseObject({ format: z.unknown(), version: z.unknown() }).parse(content);
    throw new UserError(
      `The backup ${folder} has the layout ${String(format)}, of version ${String(version)}, which this version cannot read. Restore it with version ${String(version)}.`,
    );
  }

  /** Its files, read one after another. @throws Error for a line that is none */
  async *files(): AsyncGenerator<BackedUpEntry> {
    const input = Readable.from(contentOf(join(this.folder, FILE_LIST), this.#seal), { objectMode: false });
    const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
    for await (const line of lines) yield FileSchema.parse(JSON.parse(line));
  }

  /** The content that was backed up. */
  read({ blob }: Stored): AsyncGenerator<Uint8Array> {
    return contentOf(join(this.folder, blob), this.#seal);
  }

  /** @throws UserError that names the part where it is not what was written */
  async verify(stored: Stored, what: string): Promise<void> {
    const found = await this.#hashOf(stored);
    if (found === stored.sha256) return;
    const why = found === null ? 'is missing' : 'is not what was written';
    throw new UserError(
      `The backup is damaged: ${join(this.folder, stored.blob)}, which has ${what}, ${why}. Nothing was restored. Use another backup.`,
    );
  }

  /** Null where there is no such file; empty where it does not decrypt. */
  async #hashOf(stored: Stored): Promise<string | null> {
    const hash = createHash('sha256');
    try {
      for await (const chunk of this.read(stored)) hash.update(chunk);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return null;
      // A disk with errors says nothing of what was written.
      if (errnoOf(error) !== null || this.#seal === null) throw error;
      return '';
    }
    return hash.digest('hex');
  }
}

async function* contentOf(path: string, seal: Seal | null): AsyncGenerator<Uint8Array> {
  yield* seal ? await seal.unseal(path) : createReadStream(path, { highWaterMark: 1024 ** 2 });
}
