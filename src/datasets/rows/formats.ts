import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { PROJECT_ROOT } from '../../platform/env.ts';

const names = z.array(z.string());

const FormatsSchema = z.strictObject({
  about: z.string(),
  roles: z.strictObject({ system: names, user: names, assistant: names, tool: names, call: names }),
  message: z.strictObject({
    role: names,
    content: names,
    reasoning: names,
    asked: names,
    answered: names,
    tool_call_id: names,
    learnt: names,
    meaningless: names,
  }),
  columns: z.strictObject({
    messages: names,
    tools: names,
    system: names,
    history: names,
    context: names,
    prompt: names,
    completion: names,
    instruction: names,
    input: names,
    reasoning: names,
    label: names,
    deleted: names,
    chosen: names,
    rejected: names,
    two_answers: z.array(z.tuple([z.string(), z.string()])),
    text: names,
    meaningless: names,
  }),
  tree: z.strictObject({
    id: z.string(),
    parent: z.string(),
    text: z.string(),
    role: z.string(),
    deleted: z.string(),
  }),
  no_values: names,
  no_values_of_optional_columns: names,
  marked_texts: z.array(
    z.strictObject({
      name: z.string(),
      marker: z.string(),
      any_case: z.boolean().default(false),
      roles: z.record(z.string(), z.enum(['system', 'user', 'more', 'assistant', 'tool'])),
      ends: names,
      begins: names.default([]),
      preamble: z.string().optional(),
      system: z.string().optional(),
    }),
  ),
  special_tokens: z.string(),
});
export type MarkedTextFormat = z.infer<typeof FormatsSchema>['marked_texts'][number];

/** What published data files call things, see the file. The trainer reads rows by the same one. */
export const FORMATS = FormatsSchema.parse(
  JSON.parse(readFileSync(join(PROJECT_ROOT, 'trainer', 'datasets', 'formats.json'), 'utf8')),
);
