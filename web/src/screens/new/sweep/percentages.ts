import { WHOLE } from '../shares.ts';
import { readValue } from './values.ts';

/**
 * The percentages of the datasets of a trait, by the keys of their lines: as they were typed, and where nothing was, an equal part of
 * what is left of 100 %, in whole thousandths. One dataset alone has all of it, whatever was typed while there were others: no field shows that.
 */
export function percentagesOf(keys: string[], typed: Record<string, string>): unknown[] {
  const texts = keys.map((key) => (keys.length > 1 ? (typed[key]?.trim() ?? '') : ''));
  const taken = texts.reduce((sum, text) => sum + (Math.round(Number(text) * 1000) || 0), 0);
  const rest = Math.max(0, WHOLE - taken);
  const empty = texts.filter((text) => text === '').length;
  let over = rest % empty;
  return texts.map((text) => {
    if (text !== '') return readValue(text);
    over -= 1;
    return (Math.floor(rest / empty) + (over >= 0 ? 1 : 0)) / 1000;
  });
}

/** Which of these mixtures a combination has that a refusal names, as in "Combination 2 (mixture more code, lora_r 8)"; -1: none. One name may begin another. */
export function namedByCombination(refusal: string, names: string[]): number {
  const [, settings = ''] = /^Combination \d+ \(mixture (.*)/s.exec(refusal) ?? [];
  const [longest] = names
    .filter((name) => settings.startsWith(`${name})`) || settings.startsWith(`${name}, `))
    .sort((a, b) => b.length - a.length);
  return longest === undefined ? -1 : names.indexOf(longest);
}
