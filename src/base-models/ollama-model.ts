import { exactName, type FoundModel, unusable } from './found-model.ts';
import { findInCache } from './model-cache.ts';
import { repositoryOf } from './ollama-names.ts';
import { findInStore, isOllamaName } from './ollama-store.ts';

/** Where models with names of Ollama are looked for. */
export interface OllamaPlaces {
  modelCache: string;
  ollamaStore: string;
}

/**
 * Looks up what Ollama calls so, in the Hugging Face cache: as the repository that its weights come from, or as what was
 * made once from the file of Ollama's own store (model-import.ts).
 */
export async function findOllamaModel({ modelCache, ollamaStore }: OllamaPlaces, name: string): Promise<FoundModel> {
  if (!isOllamaName(name))
    return unusable(name, [
      `${JSON.stringify(name)} is no name of Ollama's: they are written NAME:TAG, as llama3.2:3b.`,
    ]);
  const repository = repositoryOf(name);
  const downloaded = repository === null ? null : await findInCache(modelCache, repository);
  if (downloaded?.available) return { ...downloaded, model_name: name };
  const stored = await findInStore(ollamaStore, name);
  if (stored) {
    const converted = await findInCache(modelCache, exactName({ name: convertedName(name), revision: stored.digest }));
    if (converted.available) return { ...converted, model_name: name };
    const made = `Make a model of the cache from it, once, with \`npm run mtm -- model import ${name}\`.`;
    return unusable(name, [`The model ${name} is in Ollama's store as a GGUF, which cannot be trained. ${made}`], {
      on_hub: downloaded?.on_hub ?? null,
    });
  }
  const pull = `\`ollama pull ${name}\` and \`npm run mtm -- model import ${name}\``;
  if (downloaded === null)
    return unusable(name, [
      `${name} is not in Ollama's store ${ollamaStore}, and which model of the Hugging Face hub it stands for is not known. Name it as ORG/NAME, or get it with ${pull}.`,
    ]);
  return unusable(
    name,
    [`${name} stands for ${repository}. ${downloaded.errors.join(' ')} Or get it with ${pull}.`],
    downloaded,
  );
}

/** What the cache calls a model that was made from a GGUF: its weights are not those that its makers published. */
export function convertedName(name: string): string {
  const parts = name.split(/[/:]/);
  return `ollama/${parts.join('-').replaceAll(/-{2,}/g, '-')}-dequantized`;
}
