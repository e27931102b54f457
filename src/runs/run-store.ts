import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { makeFolder } from '../platform/durable-files.ts';
import type { Env } from '../platform/env.ts';
import { exists, ifThere } from '../platform/files.ts';
import { type ObjectStore, objectStoreOf, type StoreEnv } from '../platform/object-store/object-store.ts';
import { type CheckpointName, checkpointPlace } from './checkpoints-here.ts';
import { lastClaimOf } from './run-folder.ts';
import { type PlacedRun, type RunPaths, runPaths } from './run-paths.ts';
import { startFolder } from './starts.ts';
import { copyFolder, giveFolder, INDEX, removeFolder, takeFolder } from './stored-folder.ts';

/** The settings that say where files of runs are. */
export type RunFilesEnv = Pick<Env, 'home'> & StoreEnv;

/** A run, and what it begins from. */
export type BegunRun = PlacedRun & { spec: { start?: { sha256: string } | null | undefined } };

/** What trainers keep in a file for each claim: trainings go on by it, and validations compare with it (trainer/runs/history.py, trainer/evaluation/measured.py). */
const BY_CLAIM = ['events', 'evaluations'] as const;

/** The name of a claim's note, and of what it wrote into its log. */
const CLAIM = /^(train|validate)-e(\d+)\.json$/;

/**
 * The files of a run in the store, by which hosts without a common folder find what another one left: what the run trains on, its
 * checkpoints, what its trainers told, and its model until it is published. Every method may run twice, and throws StoreError.
 */
export class RunStore {
  readonly id: number;
  readonly #objects: ObjectStore;
  readonly #env: RunFilesEnv;
  /** Where the run's files lie on this host. */
  readonly paths: RunPaths;
  readonly #start: { sha256: string } | null;

  constructor(objects: ObjectStore, env: RunFilesEnv, run: BegunRun) {
    this.id = run.id;
    this.#objects = objects;
    this.#env = env;
    this.paths = runPaths(env, run);
    this.#start = run.spec.start ?? null;
  }

  get address(): string {
    return this.#objects.address;
  }

  /** Gives what the run begins with: its mixture, and the weights that it begins from where they are not its base's. */
  async giveBeginning(): Promise<void> {
    await giveFolder(this.#objects, this.#name('mixture'), this.paths.mixture);
    const start = this.#start && startFolder(this.#env, this.#start);
    if (start !== null) await giveFolder(this.#objects, this.#name('start'), start);
  }

  /** Gives which revisions of its models the run has. */
  async givePins(): Promise<void> {
    for (const path of [this.paths.model, this.paths.embeddingModel]) {
      const text = await ifThere(readFile(path, 'utf8'));
      if (text !== null) await this.#objects.putText(this.#name(basename(path)), text);
    }
  }

  /** Brings what another host gave of the beginning; what is here already stays. */
  async takeBeginning(): Promise<void> {
    await takeFolder(this.#objects, this.#name('mixture'), this.paths.mixture);
    const start = this.#start && startFolder(this.#env, this.#start);
    if (start !== null) await takeFolder(this.#objects, this.#name('start'), start);
    for (const path of [this.paths.model, this.paths.embeddingModel])
      if (!(await exists(path))) await this.#take(this.#name(basename(path)), path);
  }

  /** The checkpoints that are whole there. */
  async checkpoints(): Promise<CheckpointName[]> {
    const found: CheckpointName[] = [];
    for (const { name } of await this.#objects.list(`${this.#name('checkpoints')}/`)) {
      const [, epoch, step] = /\/e(\d+)\/checkpoint-(\d+)\/([^/]+)$/.exec(name) ?? [];
      if (name.endsWith(`/${INDEX}`)) found.push({ epoch: Number(epoch), step: Number(step) });
    }
    return found;
  }

  /** Gives a checkpoint. @param path where it, or a second name of it, lies */
  async giveCheckpoint(checkpoint: CheckpointName, path: string, signal?: AbortSignal): Promise<void> {
    await giveFolder(this.#objects, this.#checkpoint(checkpoint), path, signal);
  }

  /** Brings a checkpoint to its place. @returns false where the store has none of that name; @throws DamagedInStore */
  async takeCheckpoint(checkpoint: CheckpointName, signal?: AbortSignal): Promise<boolean> {
    return await takeFolder(this.#objects, this.#checkpoint(checkpoint), this.placeOf(checkpoint), signal);
  }

  /** Where a checkpoint of the run lies on this host, if it does. */
  placeOf(checkpoint: CheckpointName): string {
    return checkpointPlace(this.paths, checkpoint);
  }

  async removeCheckpoint(checkpoint: CheckpointName): Promise<void> {
    await removeFolder(this.#objects, this.#checkpoint(checkpoint));
  }

  /** Gives this run a checkpoint of another, within the store. @returns false where that has none of that name */
  async adoptCheckpoint(from: RunStore, theirs: CheckpointName, ours: CheckpointName): Promise<boolean> {
    return await copyFolder(this.#objects, from.#checkpoint(theirs), this.#checkpoint(ours));
  }

  /** Notes that a claim works on the run, and which checkpoint its training goes on from. */
  async noteClaim(task: 'train' | 'validate', epoch: number, from: CheckpointName | null): Promise<void> {
    await this.#objects.putText(this.#name(`claims/${task}-e${epoch}.json`), JSON.stringify({ from }));
  }

  /** The epochs of all claims that were noted, and from which checkpoint the last one that trained went on. */
  async claims(): Promise<{ last: number; training: { epoch: number; from: CheckpointName | null } | null }> {
    const beginning = `${this.#name('claims')}/`;
    const notes = (await this.#objects.list(beginning)).flatMap(({ name }) => {
      const [, task, epoch] = CLAIM.exec(name.slice(beginning.length)) ?? [];
      return task === undefined ? [] : [{ name, task, epoch: Number(epoch) }];
    });
    const last = Math.max(0, ...notes.map(({ epoch }) => epoch));
    const [trained] = notes.filter(({ task }) => task === 'train').sort((a, b) => b.epoch - a.epoch);
    if (!trained) return { last, training: null };
    const text = await this.#objects.getText(trained.name);
    return { last, training: { epoch: trained.epoch, from: text === null ? null : JSON.parse(text).from } };
  }

  /** Gives what a claim's trainer told and measured so far. */
  async giveTold(epoch: number): Promise<void> {
    for (const part of BY_CLAIM) {
      const file = join(this.paths.dir, part, `e${epoch}.jsonl`);
      if (await exists(file)) await this.#objects.put(this.#name(`${part}/e${epoch}.jsonl`), file);
    }
  }

  /** Brings what earlier trainers told and measured on other hosts; what this one has is at least as long. */
  async takeTold(): Promise<void> {
    for (const part of BY_CLAIM)
      for (const { name } of await this.#objects.list(`${this.#name(part)}/`)) {
        const file = join(this.paths.dir, part, basename(name));
        if (!(await exists(file))) await this.#take(name, file);
      }
  }

  /** How long a log is here, before a claim writes into it. */
  async logSize(task: 'train' | 'validate'): Promise<number> {
    return (await ifThere(stat(join(this.paths.logs, `${task}.log`))))?.size ?? 0;
  }

  /** Gives what a claim wrote into its log, which has what came after `from` bytes. */
  async giveLog(task: 'train' | 'validate', epoch: number, from: number): Promise<void> {
    const log = join(this.paths.logs, `${task}.log`);
    if ((await this.logSize(task)) <= from) return;
    const part = `${log}.${randomUUID()}.new`;
    try {
      await pipeline(createReadStream(log, { start: from }), createWriteStream(part));
      await this.#objects.put(this.#name(`logs/${task}-e${epoch}.log`), part);
    } finally {
      await rm(part, { force: true });
    }
  }

  /** What all claims wrote into their logs, as far as the store has it, at most the last `mostBytes`; null: nothing. */
  async readLog(task: 'train' | 'validate', mostBytes: number): Promise<string | null> {
    const beginning = this.#name(`logs/${task}-e`);
    const parts = (await this.#objects.list(beginning)).sort((a, b) => epochIn(b.name) - epochIn(a.name));
    let text = '';
    for (const { name } of parts) {
      if (text.length >= mostBytes) break;
      text = `${(await this.#objects.getText(name)) ?? ''}${text}`;
    }
    return parts.length === 0 ? null : text.slice(-mostBytes);
  }

  /** Gives a model that is not published yet. @param staging where it lies; its name is unique within the run */
  async giveOutput(staging: string, signal: AbortSignal): Promise<void> {
    await giveFolder(this.#objects, this.#name(`output/${basename(staging)}`), staging, signal);
  }

  /** Brings it to the same path. @returns false where the store has none */
  async takeOutput(staging: string): Promise<boolean> {
    return await takeFolder(this.#objects, this.#name(`output/${basename(staging)}`), staging);
  }

  /** Gives what validation found. */
  async giveReport(): Promise<void> {
    if (await exists(this.paths.report)) await giveFolder(this.#objects, this.#name('report'), this.paths.report);
  }

  /** Brings what an ended run leaves for people: its report, and what its trainers told. */
  async takeRecord(): Promise<void> {
    await takeFolder(this.#objects, this.#name('report'), this.paths.report);
    await this.takeTold();
  }

  /** Removes models that nobody publishes any more. */
  async removeOutputs(): Promise<void> {
    await this.#objects.removeAll(`${this.#name('output')}/`);
  }

  /** Removes what a run needs only until its model is published. */
  async removeWork(): Promise<void> {
    for (const part of ['checkpoints', 'mixture', 'start']) await this.#objects.removeAll(`${this.#name(part)}/`);
  }

  /** Removes all of the run. */
  async remove(): Promise<void> {
    await this.#objects.removeAll(`${this.#name('')}`);
  }

  #name(part: string): string {
    return `runs/${this.id}/${part}`;
  }

  #checkpoint({ epoch, step }: CheckpointName): string {
    return this.#name(`checkpoints/e${epoch}/checkpoint-${step}`);
  }

  /** One file, whole or not at all. */
  async #take(name: string, path: string): Promise<void> {
    const draft = `${path}.${randomUUID()}.new`;
    try {
      await makeFolder(join(path, '..'));
      if (await this.#objects.get(name, draft)) await rename(draft, path);
    } finally {
      await rm(draft, { force: true });
    }
  }
}

function epochIn(name: string): number {
  return Number(/-e(\d+)\.log$/.exec(name)?.[1]);
}

/** The store's files of a run; null where hosts have a common folder instead. */
export function runStoreOf(env: RunFilesEnv, run: BegunRun): RunStore | null {
  const objects = objectStoreOf(env);
  return objects && new RunStore(objects, env, run);
}

/** The highest epoch of a claim that anybody worked under, as the files of this host and the store tell: see lastClaimOf. */
export async function lastClaimAnywhere(env: Env, runId: number): Promise<number> {
  const store = runStoreOf(env, { id: runId, workflow_id: '', spec: { output_directory: '' } });
  return Math.max(await lastClaimOf(env, runId), (await store?.claims())?.last ?? 0);
}
