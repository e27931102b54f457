import { readBytes } from '../platform/files.ts';
import { DatasetError } from './dataset-error.ts';
import { nameGivenTwice } from './reading.ts';

const DELIMITERS = [',', ';', '\t', '|'];
const SAMPLE_BYTES = 1024 * 1024;
const MOST_SAMPLE_RECORDS = 200;
/** A column's name that is longer is a cell of a file without a header. */
const LONGEST_NAME = 500;

/** How a CSV file is written. */
export interface Dialect {
  delimiter: string;
  /** As they stand in the header. */
  names: string[];
  /** Without blanks around them. The first may be empty: that of an index. */
  columns: string[];
  /** Columns behind blanks that belong to the delimiter. */
  blankBefore: Set<string>;
  /** Whether Excel's `sep=;` stands before the header. */
  hasSeparatorLine: boolean;
}

/** The delimiter and the names of the columns of a CSV file in UTF-8. */
export async function dialectOf(path: string): Promise<Dialect> {
  const bytes = await readBytes(path, SAMPLE_BYTES);
  const sample = bytes.toString('utf8');
  const told = sample.match(/^sep=([,;\t|])\r?\n/);
  const text = told ? sample.slice(told[0].length) : sample;
  const isWhole = bytes.length < SAMPLE_BYTES;
  const tried = (told?.[1] ? [told[1]] : DELIMITERS).map((delimiter) => {
    const records = firstRecords(text, delimiter, isWhole);
    const width = records[0]?.length ?? 0;
    return { delimiter, records, width, fit: records.filter((r) => r.length === width).length };
  });
  // One that splits nothing fits every file: it is only taken when no other splits the header.
  const best = tried.reduce((a, b) =>
    b.width > 1 && (a.width === 1 || b.fit > a.fit || (b.fit === a.fit && b.width > a.width)) ? b : a,
  );
  const [names = [], ...rows] = best.records;
  const columns = names.map((name) => name.trim());
  checkNames(columns, best.delimiter);
  const blankBefore = columns.filter((_name, i) => {
    const cells = rows.map((row) => row[i] ?? '').filter((cell) => cell !== '');
    return /^ /.test(names[i] ?? '') && cells.length > 0 && cells.every((cell) => cell.startsWith(' '));
  });
  const { delimiter } = best;
  return { delimiter, names, columns, blankBefore: new Set(blankBefore), hasSeparatorLine: told !== null };
}

function checkNames(columns: string[], delimiter: string): void {
  const empty = columns.findIndex((name, i) => name === '' && !(i === 0 && columns.length > 1));
  if (empty !== -1) {
    const where = `column ${empty + 1} of ${columns.length} in its first line (delimiter ${JSON.stringify(delimiter)})`;
    throw new DatasetError(`file has no name for ${where}. Give every column a name.`);
  }
  const twice = nameGivenTwice(columns);
  if (twice !== undefined)
    throw new DatasetError(`file has two columns named ${JSON.stringify(twice)}. Give every column a name of its own.`);
  const long = columns.find((name) => name.length > LONGEST_NAME || name.includes('\n'));
  if (long !== undefined) {
    throw new DatasetError(
      `file has ${JSON.stringify(`${long.slice(0, 60)}…`)} as the name of a column: its first line seems to be data. Add a line with the columns' names before it.`,
    );
  }
}

/** Records by RFC 4180: a quoted cell may hold delimiters, line ends, and doubled quotes. Empty lines are none. */
function firstRecords(text: string, delimiter: string, isWhole: boolean): string[][] {
  const records: string[][] = [];
  let cells: string[] = [];
  let cell = '';
  let quoted = false;
  const endRecord = () => {
    if (cells.length > 0 || cell !== '') records.push([...cells, cell]);
    cells = [];
    cell = '';
  };
  for (let i = 0; i < text.length && records.length < MOST_SAMPLE_RECORDS; i++) {
    const character = text[i];
    if (quoted) {
      if (character !== '"') cell += character;
      else if (text[i + 1] === '"') cell += text[i++];
      else quoted = false;
    } else if (character === '"' && cell === '') quoted = true;
    else if (character === delimiter) {
      cells.push(cell);
      cell = '';
    } else if (character === '\n' || character === '\r') endRecord();
    else cell += character;
  }
  // The last one may be cut off where the sample ends.
  if (isWhole || records.length === 0) endRecord();
  return records;
}

/** Whether a text begins as JSON does, in a file that is named CSV. */
export async function beginsAsJson(path: string): Promise<boolean> {
  const text = (await readBytes(path, SAMPLE_BYTES)).toString('utf8');
  const [first = ''] = text.trimStart().split('\n', 1);
  if (!/^[[{]/.test(first)) return false;
  try {
    JSON.parse(first);
    return true;
  } catch {
    return /^\[\s*(\{|$)/.test(first) || /^\{\s*("|$)/.test(first);
  }
}
