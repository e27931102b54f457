import { z } from 'zod';
import { nameField } from '../http/shared-schema.ts';

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
  disk_bytes: 6_451_000_000,
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
    disk_bytes: count.openapi({ description: 'What it takes of the disk; in the cache, with all of its revisions' }),
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
    quantization: text.openapi({ description: 'How its weights are stored in fewer bits than 16, if they are' }),
  })
  .openapi('BaseModel', { example: EXAMPLE });

const TemplateSchema = z
  .object({
    problem: text.openapi({ description: 'Why it takes no chats; nothing else is known then' }),
    system: z.enum(['shown', 'in_question', 'refused']).optional().openapi({
      description: 'in_question: it knows no system prompt, which is put at the head of the first question',
    }),
    tools: z.boolean().optional().openapi({ description: 'It lists the tools that may be called' }),
    tool_calls: z.boolean().optional().openapi({ description: 'It shows calls; else see tool_calls of a training' }),
    thoughts: z.enum(['shown', 'switched', 'in_text']).optional().openapi({
      description:
        'switched: it shows them with enable_thinking or thinking switched on; in_text: it has no place for them, see reasoning of a training',
    }),
    empty_thought: z
      .boolean()
      .optional()
      .openapi({ description: 'An answer without a thought is learnt behind an empty one' }),
    all_answers_at_once: z
      .boolean()
      .optional()
      .openapi({ description: 'A conversation is one example with all of its answers; else each has an example' }),
    writes_today: z.boolean().optional().openapi({ description: "It writes today's date" }),
    ends: z
      .array(z.string())
      .optional()
      .openapi({ description: 'The tokens that end answers and calls, and by which the trained model stops' }),
  })
  .openapi('ChatTemplateFacts');

const TEMPLATE = {
  problem: null,
  system: 'shown' as const,
  tools: true,
  tool_calls: true,
  thoughts: 'in_text' as const,
  empty_thought: false,
  all_answers_at_once: true,
  writes_today: true,
  ends: ['<|eot_id|>'],
};

export const BaseModelWithTemplateSchema = BaseModelSchema.extend({
  template: TemplateSchema.nullable().openapi({
    description:
      "What its chat template can show, found by trying it. Null for a model that is not usable, without the trainer's Python, or where it takes long: ask again",
  }),
}).openapi('BaseModelWithTemplate', { example: { ...EXAMPLE, template: TEMPLATE } });

export const BaseModelListSchema = z
  .object({ items: z.array(BaseModelSchema) })
  .openapi('BaseModelList', { example: { items: [EXAMPLE] } });
