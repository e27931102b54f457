import { open } from 'node:fs/promises';
import { DatasetError } from './dataset-error.ts';

const DELIMITERS = [',', ';', '\t', '|'];
const HEADER_LIMIT_BYTES = 1024 * 1024;

/** The delimiter and the column names in the first record of a CSV file in UTF-8. */
export async function readCsvHeader(path: string): Promise<{ delimiter: string; columns: string[] }> {
  const file = await open(path);
  const { buffer, bytesRead } = await file
    .read(Buffer.alloc(HEADER_LIMIT_BYTES), 0, HEADER_LIMIT_BYTES, 0)
    .finally(() => file.close());
  const text = buffer.toString('utf8', 0, bytesRead);
  const byDelimiter = DELIMITERS.map((delimiter) => ({ delimiter, columns: firstRecord(text, delimiter) }));
  const best = byDelimiter.reduce((a, b) => (b.columns.length > a.columns.length ? b : a));
  const empty = best.columns.findIndex((name) => name.trim() === '');
  if (empty !== -1)
    throw new DatasetError(`file has no name for column ${empty + 1} in its first line. Give every column a name.`);
  const twice = best.columns.find((name, i) => best.columns.indexOf(name) !== i);
  if (twice !== undefined)
    throw new DatasetError(`file has two columns named ${JSON.stringify(twice)}. Give every column a name of its own.`);
  return best;
}

/** The first record by RFC 4180: a quoted cell may hold delimiters, line ends, and doubled quotes. */
function firstRecord(text: string, delimiter: string): string[] {
  const cells: string[] = [];
  let cell = '';
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (quoted) {
      if (character !== '"') cell += character;
      else if (text[i + 1] === '"') cell += text[i++];
      else quoted = false;
    } else if (character === '"' && cell === '') quoted = true;
    else if (character === delimiter) {
      cells.push(cell);
      cell = '';
    } else if (character === '\n' || character === '\r') break;
    else cell += character;
  }
  return [...cells, cell];
}
