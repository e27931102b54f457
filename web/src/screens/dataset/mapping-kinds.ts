import type { Mapping } from '../../api/types.ts';

/** One of the ways in which columns make a conversation: which parts it needs, and which it may have. */
export interface MappingKind {
  /** The part by which it is known. */
  name: string;
  says: string;
  required: string[];
  optional: string[];
}

const MARKS = ['label', 'deleted'];

/** In the order in which a mapping is looked at: the first whose part it has is its kind. */
export const KINDS: readonly [MappingKind, ...MappingKind[]] = [
  {
    name: 'completion',
    says: 'A question in one column, its answer in another',
    required: ['prompt', 'completion'],
    optional: ['system', 'context', 'history', 'reasoning', 'tools', ...MARKS],
  },
  {
    name: 'messages',
    says: 'A whole conversation in one column',
    required: ['messages'],
    optional: ['tools', 'system', ...MARKS],
  },
  {
    name: 'output',
    says: 'An instruction, maybe an input, and the output (Alpaca)',
    required: ['instruction', 'output'],
    optional: ['input', 'system', 'history', ...MARKS],
  },
  {
    name: 'rejected',
    says: 'Preferences: pairs of answers, of which one was chosen',
    required: ['chosen', 'rejected'],
    optional: ['prompt', 'system', 'tools', ...MARKS],
  },
  {
    name: 'chosen',
    says: 'Preferences: what was chosen alone is learnt',
    required: ['chosen'],
    optional: ['prompt', 'system', 'tools', ...MARKS],
  },
  {
    name: 'dialogue',
    says: 'One text with both sides behind markers',
    required: ['dialogue'],
    optional: ['system', ...MARKS],
  },
  { name: 'text', says: 'Plain text, all of which is learnt', required: ['text'], optional: MARKS },
];

export const PARTS: Record<string, string> = {
  messages: 'A list of messages with roles and contents',
  prompt: 'What is asked: a text, or a list of messages',
  completion: 'What is answered, and learnt',
  instruction: 'What is to be done',
  input: 'What it is to be done with',
  output: 'What is answered, and learnt',
  chosen: 'The answer that was preferred, and is learnt',
  rejected: 'The answer that was not',
  dialogue: 'A text with both sides',
  text: 'The text',
  system: 'A system prompt',
  context: 'What stands before the question',
  history: 'Earlier turns',
  reasoning: 'What was thought before the answer',
  tools: 'Definitions of the tools that may be called',
  label: 'true or false: rows with false are left out',
  deleted: 'true or false: rows with true are left out',
};

export function kindOf(mapping: Mapping): MappingKind {
  return KINDS.find(({ name }) => name in mapping) ?? KINDS[0];
}

/** Whether it has all that its kind needs. */
export function isWhole(kind: MappingKind, mapping: Mapping): boolean {
  return kind.required.every((part) => part in mapping);
}

export function isSame(a: Mapping, b: Mapping): boolean {
  const text = (mapping: Mapping) => JSON.stringify(Object.entries(mapping).sort(([x], [y]) => (x < y ? -1 : 1)));
  return text(a) === text(b);
}

export function wordsOf(mapping: Mapping): string {
  return Object.entries(mapping)
    .map(([part, column]) => `${part}: ${column}`)
    .join(', ');
}
