import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ifThere, sha256OfFile } from '../platform/files.ts';
import type { MixturePlan } from './mixing-rule.ts';
import type { SimilarRows } from './rows-in-common.ts';

const part = z.object({ file: z.string(), rows: z.number().int(), sha256: z.string() });
const ManifestSchema = z.object({
  mixing_version: z.number().int(),
  random_version: z.string(),
  seed: z.number().int(),
  datasets: z.array(z.object({ id: z.number().int(), sha256: z.string() })),
  counts: z.array(
    z.object({ trait: z.string(), dataset_id: z.number().int(), train: z.number().int(), held_out: z.number().int() }),
  ),
  train: part,
  held_out: part,
});
export type MixtureManifest = z.infer<typeof ManifestSchema>;

export const MANIFEST = 'mixture.json';
export const PLAN = 'plan.json';

/** The plan by which a mixture was made, and what was found in it. */
export interface KeptPlan extends MixturePlan {
  /** Null: not looked for. Plans from before it was do not have it. */
  similarRows?: SimilarRows | null;
}

/** Null where the mixture is from before plans were kept with it, or the plan was lost with the machine's power. */
export async function readMixturePlan(dir: string): Promise<KeptPlan | null> {
  try {
    return JSON.parse(await readFile(join(dir, PLAN), 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** The manifest of a mixture, or null where there is none. What it says of the files is not looked at, see isWholeMixture. */
export async function readMixtureManifest(dir: string): Promise<MixtureManifest | null> {
  const text = await ifThere(readFile(join(dir, MANIFEST), 'utf8'));
  return text === null ? null : ManifestSchema.parse(JSON.parse(text));
}

/** Whether a mixture is there as its manifest says: both files, with their hashes. */
export async function isWholeMixture(dir: string): Promise<boolean> {
  const text = await ifThere(readFile(join(dir, MANIFEST), 'utf8'));
  if (text === null) return false;
  let manifest: MixtureManifest;
  try {
    manifest = ManifestSchema.parse(JSON.parse(text));
  } catch {
    return false;
  }
  for (const { file, sha256 } of [manifest.train, manifest.held_out])
    if ((await ifThere(sha256OfFile(join(dir, file)))) !== sha256) return false;
  return true;
}

/** What is trained on, and what is kept apart for validation. */
export const MIXTURE_PARTS = ['train', 'held_out'] as const;
export type MixturePart = (typeof MIXTURE_PARTS)[number];
