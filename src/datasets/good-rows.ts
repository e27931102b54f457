import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { DatasetError } from './dataset-error.ts';
import type { Place } from './json-places.ts';

/** What is done with rows of a file that cannot be read: the file is refused, or they are left out and counted. */
export const ON_BAD_ROWS = ['refuse', 'skip'] as const;
export type OnBadRows = (typeof ON_BAD_ROWS)[number];

/** Rows that were left out. */
export interface BadRows {
  rows: number;
  /** Of the first. */
  line: number;
  problem: string;
}

/** More than this part of a file is no accident of some rows: something is wrong with all of it. */
const MOST_BAD = 0.5;

export function badRowsNote({ rows, line, problem }: BadRows): string {
  return `${rows} row${rows === 1 ? '' : 's'} could not be read and ${rows === 1 ? 'was' : 'were'} left out; the first in line ${line}: ${problem}.`;
}

/** @throws DatasetError where so much is left out that the file is not what it was taken for */
export function requireMostGood(good: number, bad: BadRows): void {
  if (bad.rows <= MOST_BAD * (good + bad.rows)) return;
  throw new DatasetError(
    `file has ${bad.rows} rows of ${good + bad.rows} that cannot be read; the first in line ${bad.line}: ${bad.problem}. That is more than half: mend the file.`,
  );
}

/**
 * Writes the rows of a JSON file that can be read into `target`, as JSON lines. What is wrong between rows, and not in one, is
 * thrown: nobody knows what it holds.
 */
export async function copyGoodRows(
  places: AsyncIterable<Place>,
  problemOf: (text: string) => string | null,
  target: string,
): Promise<BadRows | null> {
  let good = 0;
  let bad: BadRows | null = null;
  async function* rows(): AsyncGenerator<string> {
    for await (const { line, text = '', problem } of places) {
      if (problem !== undefined) throw new DatasetError(`file is not valid JSON in line ${line}: ${problem}.`);
      const wrong = problemOf(text);
      if (wrong === null) {
        good += 1;
        // An object over several lines becomes one.
        yield `${text.includes('\n') ? text.replace(/\s*\r?\n\s*/g, ' ') : text}\n`;
      } else if (bad === null) bad = { rows: 1, line, problem: wrong };
      else bad.rows += 1;
    }
  }
  await pipeline(Readable.from(rows()), createWriteStream(target));
  if (bad) requireMostGood(good, bad);
  return bad;
}
