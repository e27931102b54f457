import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { PROJECT_ROOT } from '../platform/env.ts';
import { readJson } from './model-files.ts';

/** Those that the pinned converter of llama.cpp knows. Held to it by the trainer's tests. */
const KNOWN = new Set(
  readFileSync(join(PROJECT_ROOT, 'trainer', 'exports', 'converter_architectures.txt'), 'utf8').split(/\s+/),
);

const ConfigSchema = z.object({ architectures: z.array(z.string()).nullish() }).catch({});

/** The architecture of the model in a directory, where there is no GGUF of such; null where there is, or where the files are not here to tell. */
export async function withoutGguf(directory: string): Promise<string | null> {
  const config = await readJson(join(directory, 'config.json'));
  if (config === undefined) return null;
  const names = ConfigSchema.parse(config).architectures ?? [];
  return names.some((name) => KNOWN.has(name)) ? null : names.join(', ') || 'of no name';
}
