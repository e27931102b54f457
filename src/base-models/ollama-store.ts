import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ifUsable } from '../platform/files.ts';
import { readJson } from './model-files.ts';

/** A model that Ollama has pulled. */
export interface StoredModel {
  /** The file of weights, in the format GGUF. */
  path: string;
  /** Its sha256, as Ollama knows it. */
  digest: string;
  bytes: number;
}

/** NAME:TAG, also with the owner, and the host, in front. */
const NAME = /^(?:(?:([\w.-]+)\/)?([\w-][\w.-]*)\/)?([\w-][\w.-]*):([\w-][\w.-]*)$/;
const HOST = 'registry.ollama.ai';
const OWNER = 'library';
const WEIGHTS = 'application/vnd.ollama.image.model';

const ManifestSchema = z.object({
  layers: z.array(
    z.object({
      mediaType: z.string(),
      digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
      size: z.int().positive(),
    }),
  ),
});

/** Whether a name is written as Ollama writes them, so that it leads nowhere out of the store. */
export function isOllamaName(name: string): boolean {
  return NAME.test(name) && !name.includes('..');
}

/**
 * Looks a name up in a store of Ollama by its own rules: a manifest lists layers, which are files under their hashes.
 * Null when it is not there, or not whole.
 */
export async function findInStore(storeDir: string, name: string): Promise<StoredModel | null> {
  const [, host = HOST, owner = OWNER, model, tag] = isOllamaName(name) ? (NAME.exec(name) ?? []) : [];
  if (model === undefined || tag === undefined) return null;
  const manifest = ManifestSchema.safeParse(await readJson(join(storeDir, 'manifests', host, owner, model, tag)));
  const layer = manifest.data?.layers.find(({ mediaType }) => mediaType === WEIGHTS);
  if (!layer) return null;
  const path = join(storeDir, 'blobs', layer.digest.replace(':', '-'));
  const found = await ifUsable(stat(path));
  return found?.size === layer.size ? { path, digest: layer.digest.slice('sha256:'.length), bytes: layer.size } : null;
}
