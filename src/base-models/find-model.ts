import { isAbsolute } from 'node:path';
import type { Env } from '../platform/env.ts';
import type { FoundModel } from './found-model.ts';
import { directoriesIn, findLocalDirectory } from './local-directory.ts';
import { findInCache, repositoriesIn } from './model-cache.ts';
import { findOllamaModel } from './ollama-model.ts';

/** Where models are looked for. */
export type ModelPlaces = Pick<Env, 'modelCache' | 'modelRoots' | 'ollamaStore'>;

/**
 * Looks a base model up, by the form of its name: ORG/NAME in the Hugging Face cache, a directory by its absolute path, or
 * NAME:TAG as Ollama calls it. The first two may have @REVISION behind them. Reads only.
 */
export async function findModel(places: ModelPlaces, name: string): Promise<FoundModel> {
  if (isAbsolute(name)) return await findLocalDirectory(places.modelRoots, name);
  return name.includes(':') ? await findOllamaModel(places, name) : await findInCache(places.modelCache, name);
}

/** Every model that is there under some name, usable or not, sorted by names. */
export async function findAllModels(places: ModelPlaces): Promise<FoundModel[]> {
  const names = [...(await directoriesIn(places.modelRoots)), ...(await repositoriesIn(places.modelCache))];
  return await Promise.all(names.map((name) => findModel(places, name)));
}

/** The names of all usable models. */
export async function listModels(places: ModelPlaces): Promise<string[]> {
  const found = await findAllModels(places);
  return found.filter(({ available }) => available).map(({ model_name }) => model_name);
}
