import { z } from 'zod';
import { nameField } from '../shared-schema.ts';

const text = z.string().nullable();
const count = z.int().min(0).nullable();

export const ModelParams = z.object({
  name: nameField.openapi({
    description: 'ORG/NAME, also with @REVISION, or the absolute path of a directory; slashes as they are, or as %2F',
    example: 'meta-llama/Llama-3.2-3B-Instruct',
  }),
});

const EXAMPLE = {
  name: 'meta-llama/Llama-3.2-3B-Instruct',
  available: true,
  path: '/home/user/.cache/huggingface/hub/models--meta-llama--Llama-3.2-3B-Instruct/snapshots/abc123',
  errors: [],
  resolved_name: 'meta-llama/Llama-3.2-3B-Instruct',
  revision: 'abc123',
  size_bytes: 6_434_000_000,
  parameters: 3_212_749_824,
  parameters_by_dtype: { BF16: 3_212_749_824 },
  architecture: 'LlamaForCausalLM',
  model_type: 'llama',
  context_length: 131_072,
  license: 'llama3.2',
  chat_template: 'own' as const,
  quantization: null,
};

/** A base model, usable or not; null where its files do not tell. */
export const BaseModelSchema = z
  .object({
    name: z.string(),
    available: z.boolean(),
    path: text.openapi({ description: 'Where its files lie' }),
    errors: z.array(z.string()).openapi({ description: 'Why it cannot be used, and what to do' }),
    resolved_name: text.openapi({ description: 'What the name stands for: ORG/NAME in the cache, or a directory' }),
    revision: text.openapi({ description: "A snapshot's hash, or one that is made from a directory's files" }),
    size_bytes: count,
    parameters: count.openapi({ description: 'Numbers in all of its tensors, as the headers of its weights say' }),
    parameters_by_dtype: z.record(z.string(), z.int()).nullable(),
    architecture: text,
    model_type: text,
    context_length: count.openapi({ description: 'Tokens that it reads at once' }),
    license: text,
    chat_template: z
      .enum(['own', 'default'])
      .nullable()
      .openapi({ description: 'default: it has none of its own, and is trained with ChatML' }),
    quantization: text.openapi({ description: 'How its weights are quantized' }),
  })
  .openapi('BaseModel', { example: EXAMPLE });

export const BaseModelListSchema = z
  .object({ items: z.array(BaseModelSchema) })
  .openapi('BaseModelList', { example: { items: [EXAMPLE] } });
