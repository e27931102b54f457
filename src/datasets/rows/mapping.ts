import { z } from 'zod';
import { DatasetError } from '../dataset-error.ts';

const column = z.string().min(1);

/** Columns that say of a row whether it is to be learnt. */
const marks = {
  /** true or false: whether the answer is a good one (KTO). Rows with false are left out. */
  label: column.optional(),
  /** Rows with true are left out. */
  deleted: column.optional(),
};

/**
 * Which columns make a conversation:
 * - messages: one column with a list of messages, in any of the published dialects; with the definitions of tools and the
 *   system prompt, where other columns have them
 * - prompt and completion, each a text or a list of messages; with a system prompt, a context that stands before the
 *   prompt, earlier turns, tools, and what was thought before the answer
 * - instruction, an optional input, and output (Alpaca), with an optional system prompt and earlier turns
 * - chosen and rejected: preferences, with the prompt where another column has it; without rejected, what was preferred alone
 * - dialogue: one text that holds both sides behind markers
 * - text: plain text, of which all is learnt
 */
export const MappingSchema = z.union(
  [
    z.strictObject({ messages: column, tools: column.optional(), system: column.optional(), ...marks }),
    z.strictObject({
      prompt: column,
      completion: column,
      system: column.optional(),
      context: column.optional(),
      history: column.optional(),
      reasoning: column.optional(),
      tools: column.optional(),
      ...marks,
    }),
    z.strictObject({
      instruction: column,
      input: column.optional(),
      output: column,
      system: column.optional(),
      history: column.optional(),
      ...marks,
    }),
    z.strictObject({
      chosen: column,
      rejected: column.optional(),
      prompt: column.optional(),
      system: column.optional(),
      tools: column.optional(),
      ...marks,
    }),
    z.strictObject({ dialogue: column, system: column.optional(), ...marks }),
    z.strictObject({ text: column, ...marks }),
  ],
  {
    error:
      'mapping must be one of {"messages": COLUMN}, {"prompt": COLUMN, "completion": COLUMN}, {"instruction": COLUMN, "input": COLUMN, "output": COLUMN}, {"chosen": COLUMN, "rejected": COLUMN, "prompt": COLUMN}, {"chosen": COLUMN, "prompt": COLUMN}, {"dialogue": COLUMN}, {"text": COLUMN}; system, history, context, tools, reasoning, label and deleted name further columns where they fit',
  },
);
export type Mapping = z.infer<typeof MappingSchema>;

/** Whether rows are pairs of answers, one of which was preferred. */
export function isOfPreferences(mapping: Mapping): boolean {
  return 'rejected' in mapping && mapping.rejected !== undefined;
}

/** @throws DatasetError when the mapping names a column that the file does not have. */
export function checkMapping(mapping: Mapping, columns: string[]): void {
  for (const [part, name] of Object.entries(mapping)) {
    if (!columns.includes(name)) {
      throw new DatasetError(
        `mapping.${part} is ${JSON.stringify(name)}, which is no column of the file. Its columns are: ${columns.join(', ')}.`,
      );
    }
  }
}
