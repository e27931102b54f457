import { randomUUID } from 'node:crypto';
import { lstat, mkdir, readdir, readlink, realpath, rename, rm, stat, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isTaken, linkFolder, linkOrCopy, makeDurable, makeFolder, writeDurably } from '../platform/durable-files.ts';
import type { Env } from '../platform/env.ts';
import { UserError } from '../platform/failure.ts';
import { isOfTheMachine } from '../platform/failure-of.ts';
import { errnoOf, ifThere, ifUsable, sha256OfFile } from '../platform/files.ts';
import { removeByTrash } from '../platform/trash.ts';
import { type PlacedRun, type RunPaths, runPaths, runsDir } from './run-paths.ts';

/** A claim of a run that is in force: what a worker has in its hand while it works for the run. */
export interface Claim {
  epoch: number;
  /** @throws where the claim is not in force any more, or will soon not be */
  requireInForce(): void;
}

/** Of which a run keeps the revision. */
export type PinnedModel = 'model' | 'embeddingModel';

/**
 * The files of a run, and the only code that makes, renames or removes any below `runs/` and in output directories (the trainer
 * writes into what it is given). A worker that lost its claim may go on in the middle of any of this, so names carry the epoch
 * of the claim, what is removed under a claim is of older ones alone, and nothing that is whole is written over.
 */
export class RunFolder {
  readonly paths: RunPaths;
  readonly #run: PlacedRun;

  constructor(env: Pick<Env, 'home'>, run: PlacedRun) {
    this.paths = runPaths(env, run);
    this.#run = run;
  }

  /**
   * Looks whether a link stands where a folder of the run belongs: whoever follows it writes, and removes, elsewhere.
   * @throws UserError that names it
   */
  async requireNoLinks(): Promise<void> {
    const { dir, mixture, checkpoints, pinned, trainerEvents, logs, exports, report, output } = this.paths;
    for (const path of [dir, mixture, checkpoints, pinned, trainerEvents, logs, exports, report]) {
      if (!(await ifUsable(lstat(path)))?.isSymbolicLink()) continue;
      throw new UserError(
        `${path} is a link to ${await readlink(path)}. A run writes into folders of its own alone: put the folder back in place of the link, then start the run again.`,
      );
    }
    const directory = dirname(output);
    const real = await ifUsable(realpath(directory));
    if (real !== null && real !== directory)
      throw new UserError(
        `The output directory ${directory} leads to ${real} through a link that was not there when the run was asked for. Start the run again to use it, or put the folder back first.`,
      );
  }

  /** Makes the folder, with a card that says which run it is. */
  async make(): Promise<void> {
    const { id, workflow_id, spec } = this.#run;
    await this.requireNoLinks();
    await makeFolder(this.paths.dir);
    await writeDurably(this.paths.card, `${JSON.stringify({ id, workflow_id, spec }, null, 2)}\n`);
  }

  /** Takes the mixture that lies in `store`, as second names of its files. One that is here already stays. False when there is none. */
  async takeMixture(store: string): Promise<boolean> {
    return await linkFolder(store, this.paths.mixture);
  }

  /** Puts a mixture aside that is not what its manifest says. It is kept, for whoever looks into it. */
  async putMixtureAside(): Promise<void> {
    await ifThere(rename(this.paths.mixture, `${this.paths.mixture}.damaged-${randomUUID()}`));
  }

  /** Takes a checkpoint of another run. @returns where it lies now; null when there is none at `path` */
  async takeCheckpoint(path: string, epoch: number, step: number): Promise<string | null> {
    const taken = join(this.paths.checkpoints, `e${epoch}`, `checkpoint-${step}`);
    return (await linkFolder(path, taken)) ? taken : null;
  }

  /** Keeps which revision of a model the run has. The first one counts, also of two at once. */
  async keepPin(of: PinnedModel, content: string): Promise<void> {
    const draft = `${this.paths[of]}.${randomUUID()}`;
    await writeDurably(draft, content);
    await this.takePin(of, draft);
    await rm(draft);
  }

  /** The same, as the file `from` has it; nothing where there is no such file. */
  async takePin(of: PinnedModel, from: string): Promise<void> {
    try {
      await ifThere(linkOrCopy(from, this.paths[of]));
    } catch (error) {
      if (!isTaken(error)) throw error;
    }
  }

  /** Writes what a trainer is to do under a claim. @returns the path of the run file */
  async writeRunFile(file: { task: string; lease_epoch: number }): Promise<string> {
    const path = join(this.paths.dir, `${file.task}-e${file.lease_epoch}.json`);
    await this.requireNoLinks();
    await mkdir(this.paths.logs, { recursive: true });
    await writeDurably(path, `${JSON.stringify(file, null, 2)}\n`);
    return path;
  }

  /** The same for a check, which needs no claim: it only reads. */
  async writeCheckFile(file: object): Promise<string> {
    const path = join(this.paths.dir, 'check.json');
    await mkdir(this.paths.logs, { recursive: true });
    await writeDurably(path, `${JSON.stringify(file, null, 2)}\n`);
    return path;
  }

  /** Makes ready for an export, and writes of which model it is. @returns the path of its run file, and the folder that it is made in */
  async beginExport(exportId: number, file: object): Promise<{ runFile: string; work: string }> {
    await this.requireNoLinks();
    const { work } = this.#exportPlaces(exportId);
    await mkdir(work, { recursive: true });
    await mkdir(this.paths.logs, { recursive: true });
    const runFile = join(work, 'run.json');
    await writeDurably(runFile, `${JSON.stringify(file, null, 2)}\n`);
    return { runFile, work };
  }

  /** Moves the files of an export to their place, and removes what they were made from. May be done again: nobody reads them before. */
  async publishExport(exportId: number): Promise<void> {
    await this.requireNoLinks();
    const { work, place } = this.#exportPlaces(exportId);
    await rm(place, { recursive: true, force: true });
    await rename(join(work, 'export'), place);
    await makeDurable(this.paths.exports);
    await rm(work, { recursive: true, force: true });
  }

  /** Removes all of an export, also while somebody writes there who has not heard yet that it is not wanted. */
  async removeExport(exportId: number): Promise<void> {
    await this.requireNoLinks();
    const { work, place } = this.#exportPlaces(exportId);
    await removeByTrash(place, 'export');
    await rm(work, { recursive: true, force: true, maxRetries: 5 });
  }

  #exportPlaces(exportId: number) {
    const place = join(this.paths.exports, String(exportId));
    return { place, work: `${place}.partial` };
  }

  /** Removes what claims before this one exported, or began to: nobody knows whether it is whole. */
  async removeOlderExports(claim: Claim): Promise<void> {
    for (const [epoch, path] of await this.#exports()) {
      if (epoch >= claim.epoch) continue;
      claim.requireInForce();
      await rm(path, { recursive: true, force: true });
    }
  }

  /** Removes exports that nobody published, of a run that has ended. */
  async removeExports(): Promise<void> {
    for (const [, path] of await this.#exports()) await rm(path, { recursive: true, force: true });
  }

  /**
   * Moves a finished model to its place, where it is whole from the first moment on. May be done again, also by two at once:
   * what is in its place is known by the hash of its manifest.
   * @throws Error when the model is neither at `staging` nor in its place
   */
  async publish(staging: string, manifestSha256: string | undefined): Promise<void> {
    await this.requireNoLinks();
    const { output } = this.paths;
    for (;;) {
      try {
        await rename(staging, output);
        await makeDurable(dirname(output));
        break;
      } catch (error) {
        if (await isModel(output, manifestSha256)) break;
        // ENOTDIR: what is in its place is a link, or a file.
        if (!isTaken(error) && errnoOf(error) !== 'ENOTDIR') throw error;
        // Of a database that is gone, whose ids began at 1 as well: kept, under another name.
        await ifThere(rename(output, `${output}.older-${Date.now()}`));
      }
    }
  }

  /** Removes what a run needs only until its model is published: checkpoints with their optimizers, and token caches. */
  async removeWork(): Promise<void> {
    await this.requireNoLinks();
    const { dir, checkpoints } = this.paths;
    await removeByTrash(checkpoints, 'work');
    for (const name of (await ifThere(readdir(dir))) ?? [])
      if (/^tokens-.*\.npz$/.test(name)) await rm(join(dir, name), { force: true });
  }

  /** Removes all but what was published, of a run that has ended. */
  async remove(): Promise<void> {
    await this.removeExports();
    await rm(this.paths.dir, { recursive: true, force: true });
  }

  /**
   * Sets the link `latest` beside the published model to it.
   * @returns a sentence where it could not be set, which is a convenience
   */
  async linkLatest(): Promise<string | null> {
    const { output } = this.paths;
    const directory = dirname(output);
    const latest = join(directory, 'latest');
    const draft = join(directory, `.latest-${this.#run.workflow_id}-${randomUUID()}`);
    try {
      await symlink(basename(output), draft);
      await rename(draft, latest);
      // What attempts left that failed. Who is at it at the same time finds the link set.
      for (const name of await readdir(directory))
        if (name.startsWith(`.latest-${this.#run.workflow_id}-`)) await rm(join(directory, name), { force: true });
      await makeDurable(directory);
      return null;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT' && (await ifUsable(readlink(latest))) === basename(output)) return null;
      // All of it is done again then. What cannot be here must not keep a model from being published.
      if (isOfTheMachine(error)) throw error;
      await rm(draft, { force: true }).catch(() => {});
      const why = error instanceof Error ? error.message : String(error);
      return `The model is in ${output}, and the link ${latest} could not be set to it (${why}).`;
    }
  }

  /** Exports that were not published, by the epoch of their claim. */
  async #exports(): Promise<[number, string][]> {
    const { stagingPrefix, output } = this.paths;
    // Through a link it is another's folder.
    if ((await ifUsable(realpath(dirname(output)))) !== dirname(output)) return [];
    const names = (await ifThere(readdir(dirname(output)))) ?? [];
    return names.flatMap((name) => {
      const epoch = name.startsWith(stagingPrefix) ? name.slice(stagingPrefix.length) : '';
      return /^\d+$/.test(epoch) ? [[Number(epoch), join(dirname(output), name)] as [number, string]] : [];
    });
  }
}

/**
 * The highest epoch of a claim that a trainer of a run was started under, as its files tell; 0 when there is none. A database
 * that is an older copy of itself knows only of earlier ones: the next claim must come after all of them.
 */
export async function lastClaimOf(env: Pick<Env, 'home'>, runId: number): Promise<number> {
  const names = (await ifThere(readdir(join(runsDir(env), String(runId))))) ?? [];
  return Math.max(0, ...names.flatMap((name) => Number(/-e(\d+)\.json$/.exec(name)?.[1] ?? [])));
}

/** Whether the model at a place is the one of this manifest; of runs whose manifest is not known, whether there is one. */
async function isModel(path: string, manifestSha256: string | undefined): Promise<boolean> {
  const manifest = join(path, 'manifest.json');
  if (manifestSha256 === undefined) return (await ifUsable(stat(manifest))) !== null;
  return (await ifUsable(sha256OfFile(manifest))) === manifestSha256;
}
