import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { findModel } from '../base-models/find-model.ts';
import { exactName, type FoundModel, unusable } from '../base-models/found-model.ts';
import type { Env } from '../env.ts';
import { ifThere } from '../files.ts';
import type { Run } from '../models/run.ts';
import { RunFolder } from '../runs/run-folder.ts';
import { runPaths } from '../runs/run-paths.ts';

const PinSchema = z.object({ name: z.string(), revision: z.string() });
type Pin = z.output<typeof PinSchema>;

/**
 * The base model of a run. Once pinModel has kept its revision, that one alone: what is downloaded while a run trains must
 * not become the model that its adapters are put on.
 */
export async function findPinned(env: Env, run: Run): Promise<FoundModel> {
  return await findAt(env, run, await readPin(runPaths(env, run).model));
}

async function findAt(env: Env, run: Run, pin: Pin | null): Promise<FoundModel> {
  if (pin === null) return await findModel(env, run.spec.base_model);
  const found = await findModel(env, exactName(pin));
  if (found.available) return found;
  const began = 'The run began with these files. To train with those of now, start it afresh.';
  return unusable(run.spec.base_model, [...found.errors, began]);
}

/** The same, and keeps its revision with the run, for all that is done for it from now on. May run twice: the first one counts. */
export async function pinModel(env: Env, run: Run): Promise<FoundModel> {
  const folder = new RunFolder(env, run);
  const pin = await readPin(folder.paths.model);
  const found = await findAt(env, run, pin);
  if (!found.available || pin !== null) return found;
  await folder.keepPin(`${JSON.stringify({ name: found.resolved_name, revision: found.revision })}\n`);
  // The first one's, which need not be this.
  return await findPinned(env, run);
}

async function readPin(file: string): Promise<Pin | null> {
  const text = await ifThere(readFile(file, 'utf8'));
  return text === null ? null : PinSchema.parse(JSON.parse(text));
}
