import type { DuckDBConnection } from '@duckdb/node-api';
import { conversationSql, type Mapping } from './row-format.ts';
import { literal } from './sql.ts';

/** Names that columns have in published data, the most telling first. */
const NAMES = {
  messages: ['messages', 'conversations', 'conversation', 'chat', 'dialog', 'dialogue'],
  tools: ['tools', 'functions'],
  prompt: ['prompt', 'question', 'instruction', 'query', 'problem', 'input', 'user', 'human', 'source'],
  completion: [
    'completion',
    'response',
    'answer',
    'output',
    'canonical_solution',
    'solution',
    'assistant',
    'reply',
    'target',
  ],
  input: ['input', 'context'],
  system: ['system', 'system_prompt', 'system_message'],
  reasoning: ['reasoning', 'reasoning_content', 'thinking', 'chain_of_thought'],
  text: ['text', 'content', 'document', 'body'],
};

const SAMPLE_ROWS = 1000;

/**
 * The mapping that fits: of those that the columns' names or their content suggest, the first by which at least half of
 * the first thousand rows are conversations; else the one by which most are. Null when nothing is suggested.
 */
export async function detectMapping(
  connection: DuckDBConnection,
  parquet: string,
  columns: string[],
): Promise<Mapping | null> {
  const named = byName(columns);
  const suggested = [...named, ...byContent(columns, named.length > 0)];
  if (suggested.length === 0) return null;
  const counts = suggested.map(
    (mapping, i) => `count(*) FILTER (${conversationSql(mapping).problem} IS NULL) AS c${i}`,
  );
  const sample = `(SELECT * FROM read_parquet(${literal(parquet)}) LIMIT ${SAMPLE_ROWS})`;
  const found = await connection.runAndReadAll(`SELECT count(*) AS n, ${counts.join(', ')} FROM ${sample}`);
  const [{ n, ...usable } = { n: 0 }] = found.getRowObjectsJson();
  const parts = suggested.map((mapping, i) => ({
    mapping,
    part: Number((usable as Record<string, unknown>)[`c${i}`]) / Math.max(1, Number(n)),
  }));
  const fits = parts.find(({ part }) => part >= 0.5);
  if (fits) return fits.mapping;
  const best = parts.reduce((a, b) => (b.part > a.part ? b : a));
  // Where nothing is usable, a name still says what was meant: the user is told what is wrong with its rows.
  return best.part > 0 || named.length > 0 ? best.mapping : null;
}

function byName(columns: string[]): Mapping[] {
  const find = (names: string[], not: (string | undefined)[] = []) =>
    names.flatMap((name) => columns.filter((c) => c.toLowerCase() === name && !not.includes(c)));
  const optional = <T extends string>(key: T, names: string[], not: string[]) => {
    const [name] = find(names, not);
    return name === undefined ? {} : ({ [key]: name } as Record<T, string>);
  };
  const chats = find(NAMES.messages).map((messages) => ({ messages, ...optional('tools', NAMES.tools, [messages]) }));
  const [instruction] = find(['instruction']);
  const [output] = find(NAMES.completion, [instruction]);
  const alpaca =
    instruction !== undefined && output !== undefined
      ? [
          {
            instruction,
            ...optional('input', NAMES.input, [instruction, output]),
            output,
            ...optional('system', NAMES.system, []),
          },
        ]
      : [];
  const [prompt] = find(NAMES.prompt);
  const [completion] = find(NAMES.completion, [prompt]);
  const pairs =
    prompt !== undefined && completion !== undefined
      ? [
          {
            prompt,
            completion,
            ...optional('system', NAMES.system, [prompt, completion]),
            ...optional('reasoning', NAMES.reasoning, [prompt, completion]),
          },
        ]
      : [];
  return [...chats, ...(prompt === instruction || !prompt ? [...alpaca, ...pairs] : [...pairs, ...alpaca])];
}

/** Columns whose cells look like a chat or a dialogue, whatever their name; then plain text. */
function byContent(columns: string[], isNamed: boolean): Mapping[] {
  const texts = columns.filter((name) => NAMES.text.includes(name.toLowerCase()));
  return [
    ...columns.map((messages) => ({ messages })),
    ...columns.map((dialogue) => ({ dialogue })),
    ...(columns.length === 1 && texts.length === 0 && !isNamed ? columns : texts).map((text) => ({ text })),
  ];
}
