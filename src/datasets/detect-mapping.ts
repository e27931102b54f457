import type { DuckDBConnection } from '@duckdb/node-api';
import { cellOf, columnTypes } from './columns.ts';
import { isConversation } from './rows/cells.ts';
import { FORMATS } from './rows/formats.ts';
import type { Json } from './rows/json-value.ts';
import type { Mapping } from './rows/mapping.ts';
import { type Cells, readRow } from './rows/read-row.ts';
import { identifier } from './sql.ts';

/** How the rows of a file can be read. */
export interface Detected {
  /** Null where nothing fits, or where what fits must not be guessed. */
  mapping: Mapping | null;
  /** Others that fit at least half of the rows. */
  alternatives: Mapping[];
  /** Why nothing was chosen, as a sentence. */
  note: string | null;
}

const SAMPLE_ROWS = 1000;
const MOST_ALTERNATIVES = 5;
const NAMES = FORMATS.columns;

/**
 * The mapping that fits: of those that the columns' names or their content suggest, the first by which at least half of
 * the first thousand rows are conversations; else the one by which most are. Names that published conventions give to columns
 * go before others. Pairs of answers, one of which was preferred, are never guessed to be conversations.
 * @param from a Parquet, or a query
 */
export async function detectMapping(connection: DuckDBConnection, from: string): Promise<Detected> {
  const { columns, rows } = await sampleOf(connection, from);
  const find = finder(columns);
  const [chosen, rejected] = [find(NAMES.chosen), find(NAMES.rejected)];
  if (chosen !== undefined && rejected !== undefined) return preferences({ chosen, rejected }, find, rows);
  const two = NAMES.two_answers
    .map(([first, second]) => [find([first]), find([second])])
    .find((pair) => pair.every((column) => column !== undefined));
  if (two) return eitherOf(two as [string, string], find, rows);
  const named = byName(find, columns, rows);
  const suggested = [...named, ...byContent(columns, rows, named.length > 0)];
  const fits = suggested.map((mapping) => ({ mapping, part: partOf(mapping, rows) }));
  const good = fits.filter(({ part }) => part >= 0.5);
  const best = fits.reduce((a, b) => (b.part > a.part ? b : a), fits[0] ?? { mapping: null, part: 0 });
  // Where nothing is usable, a name still says what was meant: the user is told what is wrong with its rows.
  const first = good[0]?.mapping ?? (best.part > 0 || named.length > 0 ? best.mapping : null);
  const others = new Map(good.map(({ mapping }) => [JSON.stringify(mapping), mapping]));
  others.delete(JSON.stringify(first));
  return { mapping: first, alternatives: [...others.values()].slice(0, MOST_ALTERNATIVES), note: null };
}

type Find = (names: readonly string[], ...not: (string | undefined)[]) => string | undefined;

function finder(columns: string[]): Find {
  return (names, ...not) => {
    for (const name of names) {
      const column = columns.find((one) => one.trim().toLowerCase() === name.toLowerCase() && !not.includes(one));
      if (column !== undefined) return column;
    }
    return undefined;
  };
}

/** Keys that have a column. */
function withColumns<T extends Record<string, string | undefined>>(parts: T): { [K in keyof T]: string } {
  return Object.fromEntries(Object.entries(parts).filter(([, column]) => column !== undefined)) as {
    [K in keyof T]: string;
  };
}

type Pair = { chosen: string; rejected: string };

/** Pairs of answers. Where more rows are pairs without the column that seems to have the prompt, the answers have it themselves. */
function preferences(pair: Pair, find: Find, rows: Cells[]): Detected {
  const { chosen, rejected } = pair;
  const prompt = find([...NAMES.prompt, ...NAMES.messages], chosen, rejected);
  const around = { system: find(NAMES.system), tools: find(NAMES.tools) };
  const mappingOf = (more: Record<string, string | undefined>) => withColumns({ ...pair, ...more }) as Mapping & Pair;
  const [apart, whole] = [mappingOf({ prompt, ...around }), mappingOf(around)];
  const mapping = partOf(whole, rows) > partOf(apart, rows) ? whole : apart;
  const { rejected: _, ...preferredAlone } = mapping;
  return {
    mapping,
    alternatives: [preferredAlone],
    note: `This is a file of preferences (${chosen}, ${rejected}), which the training type dpo learns from. To train on what was preferred alone, give it the mapping ${JSON.stringify(preferredAlone)}.`,
  };
}

/** Answers of two models to each question, one of which may have been found better: by which column, nobody can tell. */
function eitherOf(two: [string, string], find: Find, rows: Cells[]): Detected {
  const prompt = find(NAMES.prompt, ...two);
  const around = { system: find(NAMES.system), tools: find(NAMES.tools) };
  const mappingTo = (column: string) => {
    if (rows.some((row) => isConversation(row[column]))) return withColumns({ messages: column, ...around }) as Mapping;
    return prompt === undefined ? null : (withColumns({ prompt, completion: column, ...around }) as Mapping);
  };
  const alternatives = two.map(mappingTo).filter((mapping) => mapping !== null);
  const how =
    alternatives.length === 0 ? '' : ` To train on one of them, give a mapping, as ${JSON.stringify(alternatives[0])}.`;
  const note = `This file has two answers to each question (${two.join(', ')}), and which of them is to be learnt is not guessed.${how}`;
  return { mapping: null, alternatives, note };
}

function byName(find: Find, columns: string[], rows: Cells[]): Mapping[] {
  const isMark = (column: string) =>
    rows.some((row) => row[column] !== null) && rows.every((row) => isTruth(row[column]));
  const mark = (names: string[]) => [find(names)].find((column) => column !== undefined && isMark(column));
  const deleted = mark(NAMES.deleted);
  const around = { tools: find(NAMES.tools), system: find(NAMES.system), deleted };
  const chats = NAMES.messages.flatMap((name) => {
    const messages = find([name]);
    if (messages === undefined || !rows.some((row) => isList(row[messages]))) return [];
    return [withColumns({ messages, ...around })];
  });
  const instruction = find(NAMES.instruction);
  const output = find(NAMES.completion, instruction);
  const alpaca =
    instruction !== undefined && output !== undefined
      ? [
          withColumns({
            instruction,
            input: find(NAMES.input, instruction, output),
            output,
            system: find(NAMES.system),
            history: find(NAMES.history),
            deleted,
          }),
        ]
      : [];
  const prompt = find(NAMES.prompt);
  const completion = find(NAMES.completion, prompt);
  const isBesidesPrompt = (column: string | undefined) => column !== prompt && column !== completion;
  const pairs =
    prompt !== undefined && completion !== undefined
      ? [
          withColumns({
            prompt,
            completion,
            ...around,
            context: [find(NAMES.context)].find(isBesidesPrompt),
            history: find(NAMES.history),
            reasoning: find(NAMES.reasoning, prompt, completion),
            label: columns.length > 2 ? mark(NAMES.label) : undefined,
          }),
        ]
      : [];
  const ranked = [...alpaca, ...pairs]
    .map((mapping) => rankedOf(mapping as Mapping, rows))
    .filter((one) => one !== null);
  return [
    ...chats,
    ...(prompt === instruction || !prompt ? [...alpaca, ...pairs] : [...pairs, ...alpaca]),
    ...ranked,
  ] as Mapping[];
}

/** Of answers that are lists, the mapping that takes the first: to be chosen by a person, since only some are ranked. */
function rankedOf(mapping: Mapping, rows: Cells[]): Mapping | null {
  const [prompt, answer] =
    'completion' in mapping
      ? [mapping.prompt, mapping.completion]
      : 'output' in mapping
        ? [mapping.instruction, mapping.output]
        : [];
  if (prompt === undefined || answer === undefined) return null;
  const isRanked = rows.length > 0 && rows.every((row) => isTexts(row[answer]));
  return isRanked ? { chosen: answer, prompt } : null;
}

function isTexts(cell: Json | undefined): boolean {
  return Array.isArray(cell) && cell.length > 1 && cell.every((one) => typeof one === 'string');
}

function isTruth(cell: Json | undefined): boolean {
  return cell === null || cell === undefined || /^\s*(true|false)?\s*$/i.test(String(cell));
}

function isList(cell: Json | undefined): boolean {
  return typeof cell === 'string' ? /^\s*[[{]/.test(cell) : typeof cell === 'object' && cell !== null;
}

/** Columns whose cells look like a chat or a dialogue, whatever their name; then plain text. */
function byContent(columns: string[], rows: Cells[], isNamed: boolean): Mapping[] {
  const system = finder(columns)(NAMES.system);
  const holds = (column: string, is: (cell: Json) => boolean) =>
    rows.filter((row) => is(row[column] ?? null)).length * 2 >= rows.length && rows.length > 0;
  const chats = columns.filter((column) => holds(column, isConversation)).map((messages) => ({ messages }));
  const texts = columns.filter((column) => !holds(column, (cell) => typeof cell === 'object' && cell !== null));
  const plain = texts.filter((name) => NAMES.text.includes(name.trim().toLowerCase()));
  return [
    ...chats,
    ...texts.flatMap((dialogue) => [
      ...(system === undefined || system === dialogue ? [] : [{ dialogue, system }]),
      { dialogue },
    ]),
    ...(columns.length === 1 && plain.length === 0 && !isNamed ? texts : plain).map((text) => ({ text })),
  ];
}

/** The part of the rows that are conversations, or would be if they were not marked as bad ones. */
function partOf(mapping: Mapping, rows: Cells[]): number {
  const usable = rows.filter((row) => {
    const { problem } = readRow(mapping, row);
    return problem === null || problem.startsWith('it is marked');
  });
  return usable.length / Math.max(1, rows.length);
}

async function sampleOf(connection: DuckDBConnection, from: string): Promise<{ columns: string[]; rows: Cells[] }> {
  const columns = await columnTypes(connection, from);
  const cells = columns.map(({ name }, i) => `CAST(${identifier(name)} AS VARCHAR) AS c${i}`);
  const found = await connection.runAndReadAll(`SELECT ${cells.join(', ')} FROM ${from} LIMIT ${SAMPLE_ROWS}`);
  const rows = found
    .getRowObjects()
    .map((row) =>
      Object.fromEntries(columns.map((column, i) => [column.name, cellOf(column, row[`c${i}`] as string | null)])),
    );
  return { columns: columns.map(({ name }) => name), rows };
}
