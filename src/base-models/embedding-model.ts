import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { PROJECT_ROOT } from '../platform/env.ts';
import { findModel, listModels, type ModelPlaces } from './find-model.ts';
import { type FoundModel, type UsableModel, unusable } from './found-model.ts';
import { hasContent, readJson } from './model-files.ts';

/** Small ones that many know, best first: taken, where they are installed, before others. */
const WELL_KNOWN = [
  'sentence-transformers/all-MiniLM-L6-v2',
  'BAAI/bge-small-en-v1.5',
  'intfloat/multilingual-e5-small',
  'sentence-transformers/all-mpnet-base-v2',
];
/** The trainer's file of what tells models that write text from those that make embeddings. */
const TEXT_MODELS = z
  .object({ architectures_end_with: z.array(z.string()), unless_they_have: z.string() })
  .parse(JSON.parse(readFileSync(join(PROJECT_ROOT, 'trainer', 'bundle', 'text_models.json'), 'utf8')));
/** What says how a model's states become one vector: who has it was made for embeddings. */
const POOLING = TEXT_MODELS.unless_they_have;
const ArchitecturesSchema = z.object({ architectures: z.array(z.string()).nullish() }).catch({});

/** What of a run decides which models an index needs. */
interface Wanted {
  training_type: string;
  base_model: string;
  embedding_model?: string | null | undefined;
}

/** Whether a model writes text, and makes no embeddings: as its files name it. */
export async function writesText({ path }: UsableModel): Promise<boolean> {
  if (await hasContent(join(path, POOLING))) return false;
  const { architectures } = ArchitecturesSchema.parse(await readJson(join(path, 'config.json')));
  return (architectures ?? []).some((name) => TEXT_MODELS.architectures_end_with.some((end) => name.endsWith(end)));
}

/**
 * The model that makes the index of a rag run whose base model writes text, and answers. Null where there is no such: the base
 * model makes the index, or nothing is indexed.
 */
export async function findIndexModel(
  places: ModelPlaces,
  wanted: Wanted,
  base: FoundModel,
): Promise<FoundModel | null> {
  const name = wanted.embedding_model ?? null;
  if (wanted.training_type !== 'rag' || !base.available) return null;
  if (await writesText(base))
    return await (name === null ? findInstalled(places, wanted.base_model) : findNamed(places, name));
  if (name === null) return null;
  return unusable(name, [
    `embedding_model is ${name}, and the base model ${wanted.base_model} makes embeddings itself and writes no text, so nothing would answer. Leave embedding_model out, or name a base model that writes text.`,
  ]);
}

async function findNamed(places: ModelPlaces, name: string): Promise<FoundModel> {
  const found = await findModel(places, name);
  if (!found.available || !(await writesText(found))) return found;
  return unusable(name, [
    `embedding_model is ${name}, which writes text and makes no embeddings. Name one that does, such as ${WELL_KNOWN[0]}, or leave it out for the one that is installed.`,
  ]);
}

/** A well-known one that is installed, or else the first that was made for embeddings. */
async function findInstalled(places: ModelPlaces, baseModel: string): Promise<FoundModel> {
  const names = new Set(await listModels(places));
  const known = WELL_KNOWN.filter((name) => names.has(name));
  for (const name of [...known, ...names]) {
    const found = await findModel(places, name);
    if (found.available && (known.includes(name) || (await hasContent(join(found.path, POOLING))))) return found;
  }
  return unusable('embedding_model', [
    `${baseModel} writes text, so it answers from an index that an embedding model makes, and none is installed. Get a small one with \`npm run mtm -- model install minilm\`, or name one as embedding_model.`,
  ]);
}
