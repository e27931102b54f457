import { keep, kept } from '../storage.ts';

const KEY = 'mtm single keys';

/** Whether `/` and `?` alone do something. They can be turned off, for those who speak to their computer (WCAG 2.1.4). */
export function areSingleKeysOn(): boolean {
  return kept(KEY) !== 'off';
}

export function turnSingleKeys(on: boolean): void {
  keep(KEY, on ? 'on' : 'off');
}
