import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ifUsable, readBytes } from '../platform/files.ts';
import { readJson } from './model-files.ts';
import { quantizationIn, quantizationOf } from './quantization.ts';
import { bytesOf, parametersOf, type TensorEntry } from './safetensors-header.ts';
import { tensorsIn16Bits, UnknownShape } from './stored-tensors.ts';
import { readWeightHeaders } from './weight-files.ts';

/** A tensor that multiplies: numbers in, numbers out, as often as there are experts that have one each. */
export interface Matrix {
  name: string;
  /** Of two sizes, the one whose layer reads it; the sum of both is what counts for adapters. */
  inputs: number;
  outputs: number;
  experts: number;
}

/** What decides how much memory and work a model takes: from its config.json and the headers of its weights, exactly. No weight is read. */
export interface ModelShape {
  modelType: string;
  layers: number;
  hidden: number;
  /** Numbers of all heads that ask, and of those that are asked (fewer, where heads share them). */
  queries: number;
  keys: number;
  /** The width within a layer's MLP, of the experts that one token is sent to together. */
  intermediate: number;
  vocabulary: number;
  /** Whether its embeddings are the matrix of its output as well. */
  isTied: boolean;
  context: number | null;
  /** All weights in memory: tied ones count once. */
  parameters: number;
  /** Of the language model with its output, which alone is trained. */
  languageParameters: number;
  /** The linear layers of the language model but the output's and those that choose experts. */
  matrices: Matrix[];
  /** Of its weights as they are trained with and published: in the types of its files, but in 16 bits where those have fewer. */
  fileBytes: number;
  /** Of files that have weights in fewer bits than 16: a run writes them out in 16 beside itself. Null of others. */
  storedBytes: number | null;
}

const count = z.int().positive().nullish().catch(null);
const SizesSchema = z.object({
  model_type: z.string().nullish().catch(null),
  ...{ hidden_size: count, n_embd: count, d_model: count },
  ...{ num_hidden_layers: count, n_layer: count, n_layers: count, num_layers: count },
  ...{ num_attention_heads: count, n_head: count, n_heads: count, num_heads: count },
  ...{ num_key_value_heads: count, num_kv_heads: count, head_dim: count },
  ...{ intermediate_size: count, n_inner: count, ffn_dim: count, moe_intermediate_size: count },
  ...{ num_experts_per_tok: count, moe_k: count, vocab_size: count },
  ...{ max_position_embeddings: count, n_positions: count },
  tie_word_embeddings: z.boolean().nullish().catch(null),
});
const ConfigSchema = SizesSchema.extend({ text_config: SizesSchema.nullish().catch(null) });

/** Beside the language model, of models that see or hear as well. */
const BESIDE_LANGUAGE =
  /(^|\.)(vision|visual|audio|image|video|multi_modal|mm_|embed_vision|embed_audio|aligner|connector)/;
export const OUTPUT = /(^|\.)(lm_head|embed_out|output_projection)\.weight$/;
export const EMBEDDING = /(^|\.)(\w*embed\w*|wte|wpe|tok_embeddings)\.weight$/;
/** What chooses experts (adapters.py knows it by its class), and what the rest of its layer reads past it. */
const NEVER_ADAPTED = /\.(router|gate|wg|dt_proj|shared_expert_gate)(\.\w+)*\.weight$|(^|\.)(conv1d|norm\w*)\.weight$/;

/** @throws UnknownShape; DamagedWeightsError where a header cannot be true */
export async function readModelShape(directory: string): Promise<ModelShape> {
  const json = await readJson(join(directory, 'config.json'));
  const headers = await ifUsable(readWeightHeaders(directory));
  if (headers === null) throw new UnknownShape('The weights of the base model may not be read by the service.');
  const sizes = await Promise.all([...headers.keys()].map(async (file) => (await stat(join(directory, file))).size));
  const entries = new Map([...headers.values()].flatMap((each) => [...each]));
  const method = quantizationOf(json);
  if (method === null) return shapeOf(json, entries, sum(sizes));
  const read = async (name: string) => {
    const [file] = [...headers].find(([, each]) => each.has(name)) ?? [];
    const entry = entries.get(name);
    if (file === undefined || !entry) throw new UnknownShape(`The weights of the base model lack ${name}.`);
    return await readBytes(join(directory, file), bytesOf(entry), entry.start);
  };
  const tensors = await tensorsIn16Bits({ entries, read }, method, quantizationIn(json));
  return shapeOf(json, tensors, sum([...tensors.values()].map(bytesOf)), sum(sizes));
}

/** @throws UnknownShape where config.json does not say how large the model is */
export function shapeOf(
  json: unknown,
  tensors: Map<string, TensorEntry>,
  fileBytes: number,
  storedBytes: number | null = null,
): ModelShape {
  const config = ConfigSchema.safeParse(json);
  if (!config.success) throw new UnknownShape('The config.json of the base model does not read.');
  const text = config.data.text_config ?? config.data;
  const hidden = text.hidden_size ?? text.n_embd ?? text.d_model;
  const layers = text.num_hidden_layers ?? text.n_layer ?? text.n_layers ?? text.num_layers;
  if (!hidden || !layers) throw new UnknownShape('The config.json of the base model does not say how large it is.');
  const isTied = (text.tie_word_embeddings ?? config.data.tie_word_embeddings) === true;
  const weights = [...tensors].filter(([name]) => !(isTied && OUTPUT.test(name)));
  const language = weights.filter(([name]) => config.data.text_config == null || !BESIDE_LANGUAGE.test(name));
  const heads = text.num_attention_heads ?? text.n_head ?? text.n_heads ?? text.num_heads ?? 1;
  const headSize = text.head_dim ?? hidden / heads;
  return {
    modelType: config.data.model_type ?? 'unknown',
    layers,
    hidden,
    queries: heads * headSize,
    keys: (text.num_key_value_heads ?? text.num_kv_heads ?? heads) * headSize,
    intermediate: widthOf(text, hidden),
    vocabulary: text.vocab_size ?? embeddingRows(language) ?? 0,
    isTied,
    context: text.max_position_embeddings ?? text.n_positions ?? null,
    parameters: sum(weights.map(([, { shape }]) => parametersOf(shape))),
    languageParameters: sum(language.map(([, { shape }]) => parametersOf(shape))),
    matrices: language.flatMap(([name, { shape }]) => matrixOf(name, shape) ?? []),
    fileBytes,
    storedBytes,
  };
}

/** Of experts one by one in the files as well: transformers makes one tensor of them, of which each expert has its matrix. */
function matrixOf(name: string, shape: number[]): Matrix | null {
  if (OUTPUT.test(name) || EMBEDDING.test(name) || NEVER_ADAPTED.test(name)) return null;
  const [first = 0, second = 0, third = 0] = shape;
  if (shape.length === 3 && name.includes('experts')) return { name, inputs: third, outputs: second, experts: first };
  if (shape.length !== 2 || !name.endsWith('.weight') || first === 1) return null;
  return { name, inputs: second, outputs: first, experts: 1 };
}

function widthOf(text: z.output<typeof SizesSchema>, hidden: number): number {
  const routed =
    (text.num_experts_per_tok ?? text.moe_k ?? 0) * (text.moe_intermediate_size ?? text.intermediate_size ?? 0);
  return routed || (text.intermediate_size ?? text.n_inner ?? text.ffn_dim ?? 4 * hidden);
}

function embeddingRows(tensors: [string, TensorEntry][]): number | undefined {
  return tensors.find(([name]) => EMBEDDING.test(name))?.[1].shape[0];
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
