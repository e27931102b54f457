import { InvalidArgumentError } from 'commander';

/** Reads an argument of a command. @throws InvalidArgumentError for anything else than digits */
export function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Give a whole number.');
  return Number(text);
}
