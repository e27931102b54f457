import { CommandFailure, EXIT } from '../exit-codes.ts';

/** How many runs a key may have: a number from 1, or `none`: null. @throws CommandFailure for anything else */
export function maxRunsOf(text: string): number | null {
  if (text === 'none') return null;
  const count = /^\d{1,7}$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > 1_000_000)
    throw new CommandFailure(
      `--max-runs is ${JSON.stringify(text)}: give a number from 1 to 1000000, or none.`,
      EXIT.usage,
    );
  return count;
}
