import { lstat, readlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { isFinal } from '../../models/runs/statuses.ts';
import { UserError } from '../../platform/failure.ts';
import { exists, ifThere, ifUsable } from '../../platform/files.ts';
import { runPaths } from '../../runs/run-paths.ts';
import { type RunFilesEnv, type RunStore, runStoreOf } from '../../runs/run-store.ts';
import { startsDir } from '../../runs/starts.ts';
import { DamagedInStore } from '../../runs/stored-folder.ts';
import type { FileStore } from './file-store.ts';
import { walk } from './folders.ts';
import type { BackedUpEntry } from './manifest.ts';
import { filesOfRun, takeCheckpoints } from './run-files.ts';
import { hasOriginal, type RunOfBackup, type Snapshot } from './snapshot.ts';

/** So many missing files are named; the others are counted. */
const NAMED = 10;
const ATTEMPTS = 5;

interface Row {
  table: 'datasets' | 'openai_files' | 'openai_upload_parts' | 'runs' | 'exports';
  id: number | string;
  /** Of the row as it is now, as SQL: whether it still names the file. */
  names?: string;
}

/** A policy may have removed a file as it was uploaded meanwhile. */
const ORIGINAL = hasOriginal('datasets');
const CONTENT = `NOT EXISTS (SELECT 1 FROM datasets WHERE datasets.id = dataset_id AND NOT ${hasOriginal('datasets')})`;

/**
 * Takes the files that the rows of a snapshot name. What is gone with its row is left out and told; what is gone without is missing.
 * Which is which, the database says now: its rows are removed before their files are.
 */
export class FileTaking {
  readonly #env: RunFilesEnv;
  readonly #store: FileStore;
  readonly #databaseUrl: string;
  readonly #note: (entry: BackedUpEntry) => Promise<void>;
  readonly leftOut: string[] = [];
  readonly #missing: string[] = [];

  constructor(options: {
    env: RunFilesEnv;
    databaseUrl: string;
    store: FileStore;
    /** Has each that was taken. */
    note: (entry: BackedUpEntry) => Promise<void>;
  }) {
    this.#env = options.env;
    this.#store = options.store;
    this.#databaseUrl = options.databaseUrl;
    this.#note = options.note;
  }

  /** @throws UserError that names what is missing, unless that may be */
  async all(snapshot: Snapshot, mayMiss: boolean): Promise<void> {
    // First: what trainings remove while they go on. The record of each is taken after its checkpoints.
    for (const run of snapshot.runs) if (run.status !== 'completed') await this.#checkpoints(run);
    for (const run of snapshot.runs) await this.#runFolder(run);
    for (const { id, file_path, parquet_path } of snapshot.datasets)
      for (const path of [file_path, parquet_path])
        if (path !== null)
          await this.#file({ table: 'datasets', id, names: path === file_path ? ORIGINAL : 'true' }, path);
    for (const { id, path } of snapshot.openAiFiles)
      await this.#file({ table: 'openai_files', id, names: CONTENT }, path);
    for (const { id, path } of snapshot.openAiParts) await this.#file({ table: 'openai_upload_parts', id }, path);
    const runs = new Map(snapshot.runs.map((run) => [run.id, run]));
    for (const { id, run_id, files } of snapshot.exports) {
      const run = runs.get(run_id);
      if (!run) continue;
      const folder = join(runPaths(this.#env, run).exports, String(id));
      for (const { path } of files) await this.#file({ table: 'exports', id }, join(folder, path));
    }
    await this.#folder(startsDir(this.#env));
    for (const run of snapshot.runs) if (run.output_path !== null) await this.#output(run, run.output_path);
    await this.#links(snapshot.runs);
    this.#requireAll(mayMiss);
  }

  async #file(row: Row, path: string): Promise<void> {
    const file = await this.#store.add(path);
    if (file) await this.#note(file);
    else await this.#gone(row, path);
  }

  /** What went: with its row, or without. */
  async #gone(row: Row, what: string): Promise<void> {
    if (await this.#isThere(row)) this.#missing.push(what);
    else
      this.leftOut.push(
        `${what}: its row (${row.table} ${row.id}) was deleted, or names it no more, since the backup was begun.`,
      );
  }

  async #checkpoints(run: RunOfBackup): Promise<void> {
    const paths = runPaths(this.#env, run);
    const stored = runStoreOf(this.#env, run);
    const known = stored ? run.stored_step : run.known_step;
    const files = await takeCheckpoints(known, paths, this.#store, () => this.#bringStored(stored));
    for (const file of files ?? []) await this.#note(file);
    if (files) return;
    // Of one that ended without a result, its owner may have removed them: it goes on from its start then, and says so.
    const what = `whole checkpoint of step ${known} or later in ${paths.checkpoints}`;
    if (isFinal(run.status)) this.leftOut.push(`Run ${run.id}, which is ${run.status}, has no ${what}.`);
    else await this.#gone({ table: 'runs', id: run.id }, `a ${what}`);
  }

  /** What a training removes meanwhile is gone from the store as well. */
  async #bringStored(stored: RunStore | null): Promise<void> {
    for (const one of (await stored?.checkpoints()) ?? [])
      await stored?.takeCheckpoint(one).catch((error: unknown) => {
        if (!(error instanceof DamagedInStore)) throw error;
      });
  }

  /** A file of it that goes while the folder is read is looked for again: others may be in its place. */
  async #runFolder(run: RunOfBackup): Promise<void> {
    const row: Row = { table: 'runs', id: run.id };
    for (let attempt = 1; ; attempt++) {
      const files: BackedUpEntry[] = [];
      let gone: string | null = null;
      for await (const path of filesOfRun(runPaths(this.#env, run))) {
        const file = await this.#store.add(path);
        if (file) files.push(file);
        else gone ??= path;
      }
      if (gone !== null && attempt < ATTEMPTS && (await this.#isThere(row))) continue;
      if (gone !== null) await this.#gone(row, gone);
      for (const file of files) await this.#note(file);
      return;
    }
  }

  async #output(run: RunOfBackup, folder: string): Promise<void> {
    let count = 0;
    for await (const { path, isLink } of walk(folder)) {
      const file = isLink ? null : await this.#store.add(path);
      if (file) await this.#note(file);
      else this.leftOut.push(`${path} is a link, and was not followed.`);
      count++;
    }
    if (count === 0) await this.#gone({ table: 'runs', id: run.id }, folder);
  }

  /** What may be removed at any time by whoever needs it no more. */
  async #folder(folder: string): Promise<void> {
    for await (const { path, isLink } of walk(folder)) {
      const file = isLink ? null : await this.#store.add(path);
      if (file) await this.#note(file);
    }
  }

  /** The links `latest` beside models: names in the same folder, and no others. */
  async #links(runs: RunOfBackup[]): Promise<void> {
    const folders = new Set(runs.flatMap(({ output_path }) => (output_path === null ? [] : [dirname(output_path)])));
    for (const folder of folders) {
      const path = join(folder, 'latest');
      if (!(await ifUsable(lstat(path)))?.isSymbolicLink()) continue;
      const link = await ifThere(readlink(path));
      if (link !== null && !link.includes('/') && (await exists(path))) await this.#note({ path, link });
    }
  }

  async #isThere({ table, id, names = 'true' }: Row): Promise<boolean> {
    const client = new pg.Client({ connectionString: this.#databaseUrl });
    await client.connect();
    try {
      return (await client.query(`SELECT 1 FROM ${table} WHERE id = $1 AND ${names}`, [id])).rowCount === 1;
    } finally {
      await client.end();
    }
  }

  #requireAll(mayMiss: boolean): void {
    if (this.#missing.length === 0) return;
    if (mayMiss) {
      this.leftOut.push(...this.#missing.map((what) => `${what}: missing, though the database names it.`));
      return;
    }
    const more = this.#missing.length > NAMED ? `, and ${this.#missing.length - NAMED} more` : '';
    throw new UserError(
      `No backup was made, since the database names what is missing: ${this.#missing.slice(0, NAMED).join(', ')}${more}. Make the backup again where a run has ended meanwhile; put back what is missing, or delete what it belongs to; or make the backup without it (--allow-missing).`,
    );
  }
}
