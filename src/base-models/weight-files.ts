import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ifUsable } from '../platform/files.ts';
import { hasContent, type Problem, readJson } from './model-files.ts';
import { DamagedWeightsError, readSafetensorsHeader, type TensorEntry } from './safetensors-header.ts';

const WEIGHTS = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';
/** What an adapter of peft is. */
export const ADAPTER_FILES = ['adapter_config.json', 'adapter_model.safetensors'] as const;
const PICKLE = /\.(bin|pt|pth|ckpt|pkl)$/;

/** Which file of the same directory has which tensor. */
const IndexSchema = z.object({
  weight_map: z
    .record(z.string(), z.string().regex(/^[^/]+$/))
    .refine((shards) => Object.keys(shards).length > 0, 'names no tensor'),
});

/** What is missing or wrong in the files that a model's weights are loaded from. Their headers alone are read. */
export async function weightProblems(directory: string): Promise<Problem[]> {
  const files = (await ifUsable(readdir(directory))) ?? [];
  if (!files.includes(INDEX) && !files.includes(WEIGHTS) && files.some((file) => PICKLE.test(file))) {
    return [
      {
        what: 'its weights are pickle files, which can run code when loaded; a version in safetensors is needed',
        remedy: 'Take another version of the model, or convert it where running its code does no harm.',
      },
    ];
  }
  const expected = await expectedTensors(directory, files);
  if (expected === null) return [{ what: `${INDEX} does not read` }];
  const problems = await Promise.all([...expected].map(([file, names]) => fileProblem(directory, file, names)));
  return problems.filter((problem) => problem !== null);
}

async function fileProblem(directory: string, file: string, expected: string[]): Promise<Problem | null> {
  const path = join(directory, file);
  if (!(await hasContent(path))) return { what: `${file} is missing` };
  try {
    const tensors = await ifUsable(readSafetensorsHeader(path));
    if (tensors === null)
      return {
        what: `${file} may not be read by the service`,
        remedy: 'Let the user read it that the service runs as.',
      };
    const missing = expected.find((name) => !tensors.has(name));
    if (missing !== undefined) return { what: `${file} has no tensor ${missing}, which ${INDEX} says is there` };
    return tensors.size === 0 ? { what: `${file} has no tensors` } : null;
  } catch (error) {
    if (error instanceof DamagedWeightsError) return { what: `${file} ${error.message}` };
    // A disk with errors says nothing about the model.
    throw error;
  }
}

/** The names of the files that a model's weights are loaded from, with their index where there are several. */
export async function weightFilesOf(directory: string): Promise<string[]> {
  const files = [...((await expectedTensors(directory, await readdir(directory)))?.keys() ?? [])];
  return files.includes(WEIGHTS) ? files : [...files, INDEX];
}

/** The header of each file that a usable model's weights are loaded from. */
export async function readWeightHeaders(directory: string): Promise<Map<string, Map<string, TensorEntry>>> {
  const expected = await expectedTensors(directory, await readdir(directory));
  const files = [...(expected?.keys() ?? [])];
  return new Map(
    await Promise.all(files.map(async (file) => [file, await readSafetensorsHeader(join(directory, file))] as const)),
  );
}

/** The files that a model's weights are loaded from, and the tensors that each must have. Null: its index does not read. */
async function expectedTensors(directory: string, files: string[]): Promise<Map<string, string[]> | null> {
  const alone = new Map([[WEIGHTS, []]]);
  if (!files.includes(INDEX)) return alone;
  const index = IndexSchema.safeParse(await readJson(join(directory, INDEX)));
  if (!index.success) return null;
  // The one file goes before the many, as transformers has it.
  if (await hasContent(join(directory, WEIGHTS))) return alone;
  const expected = new Map<string, string[]>();
  for (const [name, file] of Object.entries(index.data.weight_map)) {
    const names = expected.get(file);
    if (names) names.push(name);
    else expected.set(file, [name]);
  }
  return expected;
}
