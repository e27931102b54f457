import { z } from 'zod';
import { DatasetError } from './dataset-error.ts';

const column = z.string().min(1);

/**
 * Which columns make a conversation:
 * - messages: one column with a JSON list of {role, content}
 * - prompt and completion, with an optional system prompt
 * - instruction, an optional input, and output (Alpaca)
 * - dialogue: one text that holds both sides behind markers, see DIALOGUE_MARKERS
 */
export const MappingSchema = z.union(
  [
    z.strictObject({ messages: column }),
    z.strictObject({ prompt: column, completion: column, system: column.optional() }),
    z.strictObject({ instruction: column, input: column.optional(), output: column }),
    z.strictObject({ dialogue: column }),
  ],
  {
    error:
      'mapping must be one of {"messages": COLUMN}, {"prompt": COLUMN, "completion": COLUMN}, {"instruction": COLUMN, "input": COLUMN, "output": COLUMN}, {"dialogue": COLUMN}',
  },
);
export type Mapping = z.infer<typeof MappingSchema>;

export interface Message {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

/** A row as it lies in the canonical Parquet: texts, or JSON texts for nested values. */
export type Row = Record<string, string | null>;

/** Known names of columns, the most telling first. */
const KNOWN: { needs: string[]; mapping: Mapping }[] = [
  { needs: ['messages'], mapping: { messages: 'messages' } },
  { needs: ['prompt', 'completion'], mapping: { prompt: 'prompt', completion: 'completion' } },
  {
    needs: ['instruction', 'input', 'output'],
    mapping: { instruction: 'instruction', input: 'input', output: 'output' },
  },
  { needs: ['instruction', 'output'], mapping: { instruction: 'instruction', output: 'output' } },
  { needs: ['question', 'answer'], mapping: { prompt: 'question', completion: 'answer' } },
  { needs: ['input', 'output'], mapping: { prompt: 'input', completion: 'output' } },
];

/** The mapping that the columns' names suggest, or null. */
export function detectMapping(columns: string[]): Mapping | null {
  return KNOWN.find(({ needs }) => needs.every((name) => columns.includes(name)))?.mapping ?? null;
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

/**
 * The markers between the two sides of a dialogue in one text, as published tool-use data has them:
 * `###Instruction: … ###Output: …` (with or without spaces, also "Response"), `{'Instruction': …, 'Output': …}`, and
 * `Human: … Assistant: …`.
 */
const DIALOGUE_MARKERS = [
  /^\s*###\s*Instruction:\s*(?<prompt>[\s\S]+?)\s*###\s*(?:Output|Response):\s*(?<completion>[\s\S]+?)\s*$/i,
  /^\s*\{\s*['"]Instruction['"]:\s*(?<prompt>[\s\S]+?),\s*['"]Output['"]:\s*(?<completion>[\s\S]+?)\s*\}?\s*$/i,
  /^\s*Human:\s*(?<prompt>[\s\S]+?)\s*Assistant:\s*(?<completion>[\s\S]+?)\s*$/i,
];

/** The conversation of a row, or why there is none. */
export function toMessages(row: Row, mapping: Mapping): Message[] | { unusable: string } {
  if ('messages' in mapping) return parseMessages(row[mapping.messages] ?? null);
  if ('dialogue' in mapping) {
    const text = row[mapping.dialogue] ?? '';
    const sides = DIALOGUE_MARKERS.map((marker) => text.match(marker)?.groups).find((groups) => groups);
    if (!sides) return { unusable: 'no known markers of a dialogue' };
    return exchange(sides.prompt ?? null, sides.completion ?? null);
  }
  if ('instruction' in mapping) {
    const instruction = row[mapping.instruction] ?? null;
    const input = mapping.input === undefined ? null : (row[mapping.input] ?? null);
    const prompt = instruction !== null && input?.trim() ? `${instruction}\n\n${input}` : instruction;
    return exchange(prompt, row[mapping.output] ?? null);
  }
  const system = mapping.system === undefined ? null : (row[mapping.system] ?? null);
  return exchange(row[mapping.prompt] ?? null, row[mapping.completion] ?? null, system);
}

function exchange(
  prompt: string | null,
  completion: string | null,
  system: string | null = null,
): Message[] | { unusable: string } {
  if (!prompt?.trim()) return { unusable: 'the prompt is empty' };
  if (!completion?.trim()) return { unusable: 'the answer is empty' };
  const turns: Message[] = [
    { role: 'user', content: prompt },
    { role: 'assistant', content: completion },
  ];
  return system?.trim() ? [{ role: 'system', content: system }, ...turns] : turns;
}

const MessagesSchema = z
  .array(z.object({ role: z.enum(['system', 'user', 'assistant']), content: z.string() }))
  .refine((messages) => messages.some(({ role, content }) => role === 'assistant' && content.trim() !== ''));

function parseMessages(text: string | null): Message[] | { unusable: string } {
  try {
    const parsed = MessagesSchema.safeParse(JSON.parse(text ?? 'null'));
    return parsed.success ? parsed.data : { unusable: 'messages is no list of {role, content} with an answer' };
  } catch {
    return { unusable: 'messages is no JSON' };
  }
}
