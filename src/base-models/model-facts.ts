import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { ifUsable } from '../platform/files.ts';
import type { FoundModel } from './found-model.ts';
import { hasContent, readJson } from './model-files.ts';
import { quantizationOf } from './quantization.ts';
import { DamagedWeightsError, parametersOf } from './safetensors-header.ts';
import { readWeightHeaders } from './weight-files.ts';

/** What a model's files tell of it; null where they do not. */
export interface ModelFacts {
  size_bytes: number;
  /** Numbers in all tensors. */
  parameters: number | null;
  /** The same by the type in which they are written, as safetensors names it. */
  parameters_by_dtype: Record<string, number> | null;
  architecture: string | null;
  model_type: string | null;
  /** Tokens that it reads at once. */
  context_length: number | null;
  license: string | null;
  /** Its own; or the default that the trainer takes where it has none: ChatML (DEFAULT_TEMPLATE in trainer/chats/rendering.py). */
  chat_template: 'own' | 'default';
  /** How its weights are stored in fewer bits than 16, if they are. */
  quantization: string | null;
}

const number = z.int().positive().nullish().catch(null);
const word = z.string().nullish().catch(null);
const ContextSchema = z.object({ max_position_embeddings: number, n_positions: number }).nullish().catch(null);
const ConfigSchema = z
  .object({
    architectures: z.array(z.string()).nullish().catch(null),
    model_type: word,
    max_position_embeddings: number,
    n_positions: number,
    /** Of a model that sees or hears as well. */
    text_config: ContextSchema,
  })
  .catch({ max_position_embeddings: null });

const CardSchema = z.object({ license: z.union([z.string(), z.array(z.string())]).nullish(), license_name: word });
/** The license of a model whose own has no identifier. */
const OTHER = 'other';

/** What the files of a model tell, whether it is usable or not. Null where it has none. */
export async function readFacts({ directory }: FoundModel): Promise<ModelFacts | null> {
  if (directory === null) return null;
  const json = await readJson(join(directory, 'config.json'));
  const config = ConfigSchema.parse(json);
  const byDtype = await parametersByDtype(directory);
  const context = config.max_position_embeddings ?? config.text_config?.max_position_embeddings;
  return {
    size_bytes: await sizeOf(directory),
    parameters: byDtype && Object.values(byDtype).reduce((sum, count) => sum + count, 0),
    parameters_by_dtype: byDtype,
    architecture: config.architectures?.[0] ?? null,
    model_type: config.model_type ?? null,
    context_length: context ?? config.n_positions ?? config.text_config?.n_positions ?? null,
    license: await licenseOf(directory),
    chat_template: (await hasChatTemplate(directory)) ? 'own' : 'default',
    quantization: quantizationOf(json),
  };
}

async function parametersByDtype(directory: string): Promise<Record<string, number> | null> {
  const headers = await headersOf(directory);
  if (headers.size === 0) return null;
  const counts: Record<string, number> = {};
  for (const { dtype, shape } of [...headers.values()].flatMap((tensors) => [...tensors.values()]))
    counts[dtype] = (counts[dtype] ?? 0) + parametersOf(shape);
  return counts;
}

/** None of weights that are damaged, or that may not be read. */
async function headersOf(directory: string): ReturnType<typeof readWeightHeaders> {
  try {
    return (await ifUsable(readWeightHeaders(directory))) ?? new Map();
  } catch (error) {
    if (error instanceof DamagedWeightsError) return new Map();
    throw error;
  }
}

/** Of all of its files, without what `hf download` and git keep beside them. */
async function sizeOf(directory: string): Promise<number> {
  const entries = await readdir(directory, { withFileTypes: true });
  const sizes = entries
    .filter(({ name }) => !name.startsWith('.'))
    .map(async (entry): Promise<number> => {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) return await sizeOf(path);
      return (await ifUsable(stat(path)))?.size ?? 0;
    });
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

/** As its card says in the fields that the hub reads. */
async function licenseOf(directory: string): Promise<string | null> {
  const text = (await ifUsable(readFile(join(directory, 'README.md'), 'utf8'))) ?? '';
  const [, front] = /^---\r?\n(.*?)\r?\n---/s.exec(text) ?? [];
  const card = CardSchema.safeParse(parsedYaml(front ?? ''));
  if (!card.success) return null;
  const { license, license_name } = card.data;
  const named = [license ?? []].flat().join(', ');
  return (named === OTHER ? license_name : null) ?? (named || null);
}

function parsedYaml(text: string): unknown {
  try {
    return parse(text, { logLevel: 'error' });
  } catch {
    return null;
  }
}

async function hasChatTemplate(directory: string): Promise<boolean> {
  if (await hasContent(join(directory, 'chat_template.jinja'))) return true;
  const config = Object(await readJson(join(directory, 'tokenizer_config.json'))) as { chat_template?: unknown };
  return Boolean(config.chat_template);
}
