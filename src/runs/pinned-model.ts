import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { findIndexModel } from '../base-models/embedding-model.ts';
import { findModel } from '../base-models/find-model.ts';
import { exactName, type FoundModel, unusable } from '../base-models/found-model.ts';
import type { Env } from '../platform/env.ts';
import { ifThere } from '../platform/files.ts';
import { type PinnedModel, RunFolder } from './run-folder.ts';
import { type PlacedRun, runPaths } from './run-paths.ts';

/** A run, and which models it asks for. */
type RunOfModels = PlacedRun & {
  spec: { training_type: string; base_model: string; embedding_model?: string | null | undefined };
};

const PinSchema = z.object({ name: z.string(), revision: z.string() });
type Pin = z.output<typeof PinSchema>;

/**
 * The base model of a run. Once pinModel has kept its revision, that one alone: what is downloaded while a run trains must
 * not become the model that its adapters are put on.
 */
export async function findPinned(env: Env, run: RunOfModels): Promise<FoundModel> {
  const pin = await readPin(runPaths(env, run).model);
  return pin === null ? await findModel(env, run.spec.base_model) : await findExact(env, pin, run.spec.base_model);
}

/** Which revision of its base model a run has; null before it was found. */
export async function pinnedRevision(env: Env, run: PlacedRun): Promise<string | null> {
  return (await readPin(runPaths(env, run).model))?.revision ?? null;
}

/** As findPinned, of the model that makes the run's index, where the base model answers (rag). Null: there is none. */
export async function findPinnedIndexModel(env: Env, run: RunOfModels): Promise<FoundModel | null> {
  const pin = await readPin(runPaths(env, run).embeddingModel);
  if (pin !== null) return await findExact(env, pin, pin.name);
  return await findIndexModel(env, run.spec, await findPinned(env, run));
}

/** The same, and keeps its revision with the run, for all that is done for it from now on. May run twice: the first one counts. */
export async function pinModel(env: Env, run: RunOfModels): Promise<FoundModel> {
  const found = await findPinned(env, run);
  // The first one's, which need not be this.
  return (await keep(env, run, 'model', found)) ? await findPinned(env, run) : found;
}

/** Likewise. */
export async function pinIndexModel(env: Env, run: RunOfModels): Promise<FoundModel | null> {
  const found = await findPinnedIndexModel(env, run);
  return (await keep(env, run, 'embeddingModel', found)) ? await findPinnedIndexModel(env, run) : found;
}

/** False where there is nothing to keep, or something is kept already. */
async function keep(env: Env, run: RunOfModels, which: PinnedModel, found: FoundModel | null): Promise<boolean> {
  const folder = new RunFolder(env, run);
  if (!found?.available || (await readPin(folder.paths[which])) !== null) return false;
  await folder.keepPin(which, `${JSON.stringify({ name: found.resolved_name, revision: found.revision })}\n`);
  return true;
}

async function findExact(env: Env, pin: Pin, name: string): Promise<FoundModel> {
  const found = await findModel(env, exactName(pin));
  if (found.available) return found;
  const began = 'The run began with these files. To train with those of now, start it afresh.';
  return unusable(name, [...found.errors, began], found);
}

async function readPin(file: string): Promise<Pin | null> {
  const text = await ifThere(readFile(file, 'utf8'));
  return text === null ? null : PinSchema.parse(JSON.parse(text));
}
