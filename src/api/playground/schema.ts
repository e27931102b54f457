import { z } from 'zod';
import { modelNameField } from '../http/shared-schema.ts';
import { Messages, Tools } from '../openai/chat/schema.ts';

export const PromptRequest = z
  .strictObject({
    model: modelNameField,
    messages: Messages.openapi({ description: 'As /v1/chat/completions takes them' }),
    tools: Tools.nullish(),
  })
  .openapi('PromptRequest', {
    example: {
      model: 'job-1-run-1',
      messages: [{ role: 'user', content: 'How do I reset my password?' }],
    },
  });

export const PromptSchema = z
  .object({
    prompt: z.string().openapi({ description: "As the model's chat template writes it, special tokens and all" }),
    prompt_tokens: z.int(),
  })
  .openapi('Prompt', {
    example: {
      prompt: '<|im_start|>user\nHow do I reset my password?<|im_end|>\n<|im_start|>assistant\n',
      prompt_tokens: 17,
    },
  });
