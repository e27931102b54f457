import { createHash } from 'node:crypto';
import { readFile, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ADAPTER_FILES, weightFilesOf } from '../base-models/weight-files.ts';
import { linkFolder } from '../platform/durable-files.ts';
import type { Env } from '../platform/env.ts';
import { UserError } from '../platform/failure.ts';
import { exists, ifThere, ifUsable, sha256OfFile } from '../platform/files.ts';
import type { Hyperparameters } from '../trainer/hyperparameters.ts';
import { type TrainingType, trainsAdapters } from '../trainer/training-types.ts';

/** What runs begin from, by its hash: second names of the files, so that whoever made them may prune or delete them. */
export function startsDir({ home }: Pick<Env, 'home'>): string {
  return join(home, 'starts');
}

export function startFolder(env: Pick<Env, 'home'>, { sha256 }: { sha256: string }): string {
  return join(startsDir(env), sha256);
}

/** A start, and where it lies. */
interface LyingStart {
  kind: 'adapter' | 'checkpoint' | 'model';
  folder: string;
}

/** Beside the weights: whether they were trained with the same tokens. */
const TOKENS =
  /^(tokenizer.*|special_tokens_map\.json|added_tokens\.json|vocab\.(json|txt)|merges\.txt|chat_template.*)$/;

/**
 * The hash of the lines `NAME SHA256` of the files that decide the weights, by their names. (start_identity in trainer/outputs/start.py has the
 * same, and reads the files.) What a manifest tells of a file is taken from there: gigabytes are not read while somebody waits.
 */
export async function startIdentity(start: LyingStart): Promise<string> {
  const known = await hashesIn(start.folder);
  const lines = await Promise.all(
    (await identifyingFiles(start)).map(
      async (name) => `${name} ${known.get(name) ?? (await sha256OfFile(join(start.folder, name)))}\n`,
    ),
  );
  return createHash('sha256').update(lines.join('')).digest('hex');
}

/**
 * Gives a start a place among those that runs have, where nothing removes it before they are through. May run twice, also at once.
 * @throws UserError where it is not there any more, or is another by now
 */
export async function keepStart(
  env: Pick<Env, 'home'>,
  start: LyingStart & { sha256: string; name: string },
): Promise<void> {
  const kept = startFolder(env, start);
  // The tidying takes what is old, and what was kept for another run is about to be this one's.
  const now = new Date();
  if (await ifThere(utimes(kept, now, now).then(() => true))) return;
  const found = await ifUsable(startIdentity(start));
  const isKept = found === start.sha256 && (await ifThere(linkStart(start, kept))) === true;
  if (isKept) return;
  const what =
    found === null || found === start.sha256
      ? 'is not there any more'
      : 'is another than it was when the run was asked for';
  throw new UserError(
    `What the run begins from (${start.name}, in ${start.folder}) ${what}. Put it back and start the run again, or let it begin from something else.`,
  );
}

/** False where a part of it was removed meanwhile: whoever made it may be pruning it. */
async function linkStart(start: LyingStart, kept: string): Promise<boolean> {
  const identifying = await identifyingFiles(start);
  await linkFolder(start.folder, kept, (name) => identifying.includes(name) || TOKENS.test(name));
  const isWhole = (await Promise.all(identifying.map((name) => exists(join(kept, name))))).every(Boolean);
  if (!isWhole) await rm(kept, { recursive: true, force: true });
  return isWhole;
}

async function identifyingFiles({ kind, folder }: LyingStart): Promise<string[]> {
  if (kind === 'adapter') return [...ADAPTER_FILES];
  return [...(await weightFilesOf(folder)), 'config.json'].sort();
}

const ManifestSchema = z.looseObject({
  files: z.record(z.string(), z.looseObject({ sha256: z.string() })).optional(),
  adapter_upon: z.string().nullable().optional(),
  new_tokens: z.unknown().optional(),
});

/** The manifest that trainings write beside what they save; null where there is none that reads. */
async function manifestIn(folder: string): Promise<z.infer<typeof ManifestSchema> | null> {
  const text = await ifThere(readFile(join(folder, 'manifest.json'), 'utf8'));
  try {
    return ManifestSchema.safeParse(JSON.parse(text ?? '')).data ?? null;
  } catch {
    return null;
  }
}

async function hashesIn(folder: string): Promise<Map<string, string>> {
  const files = (await manifestIn(folder))?.files ?? {};
  return new Map(Object.entries(files).map(([name, { sha256 }]) => [name, sha256]));
}

/** Whether the adapters of a checkpoint, or of a model, lie upon other weights than those of the base model: upon what their run began from. */
export async function liesUponStart(folder: string): Promise<boolean> {
  return (await manifestIn(folder))?.adapter_upon === 'start';
}

/** The tokens that what is saved in a folder has beyond those of its base model, as a training of ours says there: of whoever wrote it, and not checked. */
export async function tokensToldIn(folder: string): Promise<unknown> {
  return (await manifestIn(folder))?.new_tokens;
}

/** Of a run's spec, what says which weights it trained. */
interface Trained {
  training_type: TrainingType;
  hyperparameters: Pick<Hyperparameters, 'finetuning_type'>;
}

/** What a run begins from that begins from a published model. */
export async function startOfOutput({ training_type, hyperparameters }: Trained, output: string): Promise<LyingStart> {
  const isAdapter = trainsAdapters(training_type, hyperparameters) && !(await liesUponStart(output));
  return isAdapter ? { kind: 'adapter', folder: join(output, 'adapter') } : { kind: 'model', folder: output };
}
