import { z } from 'zod';
import { DatasetError } from './dataset-error.ts';
import { identifier, literal } from './sql.ts';

const column = z.string().min(1);

/**
 * Which columns make a conversation:
 * - messages: one column with a JSON list of {role, content} (chat) or {from, value} (ShareGPT), also with tool calls and
 *   reasoning; and the definitions of its tools, where another column has them
 * - prompt and completion, with an optional system prompt, and what was thought before the answer
 * - instruction, an optional input, and output (Alpaca), with an optional system prompt
 * - dialogue: one text that holds both sides behind markers, see DIALOGUE_MARKERS
 * - text: plain text, of which all is learnt
 */
export const MappingSchema = z.union(
  [
    z.strictObject({ messages: column, tools: column.optional() }),
    z.strictObject({
      prompt: column,
      completion: column,
      system: column.optional(),
      reasoning: column.optional(),
    }),
    z.strictObject({ instruction: column, input: column.optional(), output: column, system: column.optional() }),
    z.strictObject({ dialogue: column }),
    z.strictObject({ text: column }),
  ],
  {
    error:
      'mapping must be one of {"messages": COLUMN}, {"prompt": COLUMN, "completion": COLUMN}, {"instruction": COLUMN, "input": COLUMN, "output": COLUMN}, {"dialogue": COLUMN}, {"text": COLUMN}',
  },
);
export type Mapping = z.infer<typeof MappingSchema>;

/** A message of a conversation as training sees it. Plain text is one message with the role "text". */
export interface Message {
  role: 'system' | 'user' | 'assistant' | 'tool' | 'text';
  content: string;
  reasoning_content?: string;
  tool_calls?: unknown[];
  tool_call_id?: string;
  name?: string;
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

/** A row's conversation as two SQL expressions over the columns of its canonical Parquet. */
export interface ConversationSql {
  /** Why the row gives no conversation, as the end of a sentence; NULL where it gives one. */
  problem: string;
  /**
   * The conversation: JSON text of a list of {role, content, …} without empty fields, role system, user, assistant or
   * tool; for plain text, one message with the role "text". Only meant for rows without a problem.
   */
  messages: string;
  /** Definitions of its tools as JSON text, or NULL. */
  tools: string;
}

/** The one rule by which rows become conversations: everything that counts, shows or mixes them asks for it here. */
export function conversationSql(mapping: Mapping): ConversationSql {
  if ('messages' in mapping) return chat(identifier(mapping.messages), optional(mapping.tools));
  if ('text' in mapping) {
    const text = identifier(mapping.text);
    return {
      problem: `CASE WHEN ${isBlank(text)} THEN 'the text is empty' END`,
      messages: messagesOf([{ role: 'text', content: text }]),
      tools: NOTHING,
    };
  }
  if ('dialogue' in mapping) return dialogue(identifier(mapping.dialogue));
  if ('instruction' in mapping) {
    const [instruction, input] = [identifier(mapping.instruction), optional(mapping.input)];
    return exchange({
      system: optional(mapping.system),
      prompt: input
        ? `CASE WHEN ${isBlank(input)} THEN ${instruction} ELSE concat(${instruction}, '\n\n', ${input}) END`
        : instruction,
      completion: identifier(mapping.output),
      asked: instruction,
    });
  }
  return exchange({
    system: optional(mapping.system),
    prompt: identifier(mapping.prompt),
    completion: identifier(mapping.completion),
    reasoning: optional(mapping.reasoning),
  });
}

const NOTHING = 'NULL::VARCHAR';

function optional(column: string | undefined): string | undefined {
  return column === undefined ? undefined : identifier(column);
}

/** White space alone, also Unicode's, or NULL. */
function isBlank(text: string): string {
  return `NOT coalesce(regexp_matches(${text}, '[^\\s\\p{Z}]'), false)`;
}

interface SqlMessage {
  role: string;
  content: string;
  reasoning?: string | undefined;
  /** Leaves the message out where it holds. */
  unless?: string;
}

function messagesOf(messages: SqlMessage[]): string {
  const structs = messages.map(({ role, content, reasoning, unless }) => {
    const plain = `json_object('role', ${literal(role)}, 'content', ${content})`;
    const withReasoning = reasoning
      ? `CASE WHEN ${isBlank(reasoning)} THEN ${plain} ELSE json_object('role', ${literal(role)}, 'reasoning_content', ${reasoning}, 'content', ${content}) END`
      : plain;
    return unless ? `CASE WHEN ${unless} THEN NULL ELSE ${withReasoning} END` : withReasoning;
  });
  const all = `[${structs.join(', ')}]`;
  const mayLack = messages.some(({ unless }) => unless);
  return `to_json(${mayLack ? `list_filter(${all}, lambda m: m IS NOT NULL)` : all})::VARCHAR`;
}

/** One question and one answer. `asked`: what must not be empty, where the prompt has more than that. */
function exchange(parts: {
  system: string | undefined;
  prompt: string;
  completion: string;
  asked?: string;
  reasoning?: string | undefined;
}): ConversationSql {
  const { system, prompt, completion, asked = prompt, reasoning } = parts;
  const turns: SqlMessage[] = [
    { role: 'user', content: prompt },
    { role: 'assistant', content: completion, reasoning },
  ];
  return {
    problem: `CASE WHEN ${isBlank(asked)} THEN 'the prompt is empty' WHEN ${isBlank(completion)} THEN 'the answer is empty' END`,
    messages: messagesOf(system ? [{ role: 'system', content: system, unless: isBlank(system) }, ...turns] : turns),
    tools: NOTHING,
  };
}

/**
 * The markers between the two sides of a dialogue in one text, as published data has them:
 * `###Instruction: … ###Output: …` (with or without spaces, also "Response", also "Human" and "Assistant"),
 * `{'Instruction': …, 'Output': …}`, and `Human: … Assistant: …`. RE2, the groups are the two sides.
 */
const DIALOGUE_MARKERS = [
  '(?is)^\\s*(?:Below is an instruction.*?)?###\\s*Instruction:\\s*(.+?)\\s*###\\s*(?:Output|Response):\\s*(.+?)\\s*$',
  '(?is)^\\s*###\\s*Human:\\s*(.+?)\\s*###\\s*Assistant:\\s*(.+?)\\s*$',
  `(?is)^\\s*\\{\\s*['"]Instruction['"]:\\s*(.+?),\\s*['"]Output['"]:\\s*(.+?)\\s*\\}?\\s*$`,
  '(?is)^\\s*Human:\\s*(.+?)\\s*Assistant:\\s*(.+?)\\s*$',
];

function dialogue(text: string): ConversationSql {
  // The marker that matches; regexp_extract gives empty texts where none does.
  const sides = DIALOGUE_MARKERS.map(
    (marker) =>
      `WHEN regexp_matches(${text}, ${literal(marker)}) THEN regexp_extract(${text}, ${literal(marker)}, ['prompt', 'completion'])`,
  );
  const found = `(CASE ${sides.join(' ')} END)`;
  return {
    problem: `CASE WHEN ${isBlank(text)} THEN 'the dialogue is empty' WHEN ${DIALOGUE_MARKERS.map((marker) => `NOT regexp_matches(${text}, ${literal(marker)})`).join(' AND ')} THEN 'no known markers of a dialogue' END`,
    messages: messagesOf([
      { role: 'user', content: `${found}.prompt` },
      { role: 'assistant', content: `${found}.completion` },
    ]),
    tools: NOTHING,
  };
}

/** Names of roles in published chats, by the role that they are. A "function_call" is the assistant's message. */
const ROLES: Record<string, string[]> = {
  system: ['system', 'developer'],
  user: ['user', 'human', 'prompter'],
  assistant: ['assistant', 'gpt', 'chatgpt', 'bing', 'bard', 'model', 'ai', 'bot', 'function_call'],
  tool: ['tool', 'function', 'observation', 'ipython', 'function_response', 'tool_response'],
};

/** A JSON list of messages. Content may be a text, null beside tool calls, or a list of parts that are texts. */
function chat(column: string, toolsColumn: string | undefined): ConversationSql {
  const list = `TRY_CAST(${column} AS JSON[])`;
  const named = `lower(coalesce(m ->> 'role', m ->> 'from', ''))`;
  const role = `CASE ${Object.entries(ROLES)
    .map(([role, names]) => `WHEN ${named} IN (${names.map(literal).join(', ')}) THEN '${role}'`)
    .join(' ')} END`;
  const content = `coalesce(nullif(m -> 'content', 'null'), m -> 'value')`;
  const parts = `TRY_CAST(${content} AS JSON[])`;
  const text = `CASE json_type(${content}) WHEN 'VARCHAR' THEN ${content} ->> '$'
    WHEN 'ARRAY' THEN array_to_string(list_transform(${parts}, lambda p: p ->> 'text'), '') END`;
  const calls = `CASE WHEN json_array_length(m -> 'tool_calls') > 0 THEN m -> 'tool_calls' END`;
  const isNoText = `(json_type(${content}) NOT IN ('VARCHAR', 'ARRAY', 'NULL')
    OR (json_type(${content}) = 'ARRAY' AND len(list_filter(${parts}, lambda p: (p ->> 'text') IS NULL)) > 0)
    OR (coalesce(json_type(${content}), 'NULL') = 'NULL' AND ${calls} IS NULL))`;
  const any = (condition: string) => `len(list_filter(${list}, lambda m: ${condition})) > 0`;
  const message = `json_merge_patch('{}', json_object('role', ${role},
    'reasoning_content', coalesce(m ->> 'reasoning_content', m ->> 'reasoning', m ->> 'thinking'),
    'content', coalesce(${text}, ''), 'tool_calls', ${calls}, 'tool_call_id', m ->> 'tool_call_id', 'name', m ->> 'name'))`;
  return {
    problem: `CASE WHEN ${isBlank(column)} THEN 'there are no messages'
      WHEN ${list} IS NULL THEN 'the messages are no JSON list'
      WHEN len(${list}) = 0 THEN 'there are no messages'
      WHEN ${any(`coalesce(json_type(m), '') <> 'OBJECT'`)} THEN 'a message is no object with role and content'
      WHEN ${any(`(${role}) IS NULL`)} THEN 'a message has a role other than system, user, assistant and tool'
      WHEN ${any(isNoText)} THEN 'a message has no text as its content'
      WHEN NOT ${any(`(${role}) = 'assistant' AND ((${calls}) IS NOT NULL OR NOT ${isBlank(text)})`)} THEN 'no message of the assistant says anything'
      END`,
    messages: `to_json(list_transform(${list}, lambda m: ${message}))::VARCHAR`,
    tools: toolsColumn
      ? `CASE WHEN json_array_length(TRY_CAST(${toolsColumn} AS JSON)) > 0 THEN ${toolsColumn} END`
      : NOTHING,
  };
}
