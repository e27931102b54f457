import { type ModelShape, shapeOf } from '../../src/base-models/model-shape.ts';
import type { TensorEntry } from '../../src/base-models/safetensors-header.ts';
import type { Settings, Training } from '../../src/estimates/training.ts';
import { trainingOf } from '../../src/models/estimates/training-of-spec.ts';
import type { RunSpec } from '../../src/models/runs/run-spec.ts';
import type { Hyperparameters } from '../../src/trainer/hyperparameters.ts';

const SHAPES: Record<string, number[]> = {
  'model.embed_tokens.weight': [32, 8],
  'model.layers.0.self_attn.q_proj.weight': [8, 8],
  'model.layers.0.self_attn.k_proj.weight': [4, 8],
  'model.layers.0.self_attn.v_proj.weight': [4, 8],
  'model.layers.0.self_attn.o_proj.weight': [8, 8],
  'model.layers.0.mlp.gate_proj.weight': [16, 8],
  'model.layers.0.mlp.up_proj.weight': [16, 8],
  'model.layers.0.mlp.down_proj.weight': [8, 16],
  'model.layers.0.input_layernorm.weight': [8],
  'model.norm.weight': [8],
};
const CONFIG = {
  model_type: 'llama',
  hidden_size: 8,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  intermediate_size: 16,
  vocab_size: 32,
  tie_word_embeddings: true,
};

/** A Llama of one layer, small enough to compute by hand: 256 in its embeddings, 576 in its layer, 16 in norms. */
export const LLAMA: [config: typeof CONFIG, tensors: Map<string, TensorEntry>, fileBytes: number] = [
  CONFIG,
  new Map(Object.entries(SHAPES).map(([name, shape]) => [name, { dtype: 'F32', shape, start: 0 }])),
  4 * 848,
];

export function settings(chosen: Partial<Settings> = {}): Settings {
  return {
    batch_size: 2,
    gradient_accumulation: 1,
    max_length: 64,
    lora_r: 4,
    lora_alpha: 8,
    lora_dropout: 0,
    save_steps: 1_000,
    ...chosen,
  };
}

/** A training of it on a CPU that computes in bf16. */
export function training(
  type: Training['type'],
  chosen: Partial<Settings> = {},
  shape: ModelShape = shapeOf(...LLAMA),
): Training {
  return {
    shape,
    type,
    isOfPairs: false,
    settings: settings(chosen),
    lengths: { examples: 100, tokens: 1_000, longest: 10, heldOutRows: 0 },
    steps: 50,
    device: { kind: 'cpu', processes: 1, threads: 2, hasBf16: true, memoryBytes: 8e9 },
  };
}

/** The same of pairs of answers. */
export function pairs(chosen: Partial<Hyperparameters> = {}): Training {
  const { shape, lengths, device, settings } = training('lora');
  const hyperparameters = { ...settings, epochs: 1, max_steps: null, ...chosen } as RunSpec['hyperparameters'];
  const found = trainingOf({ training_type: 'dpo', hyperparameters }, { shape, lengths, device });
  if (!found) throw new Error('It is a training.');
  return found;
}
