import type { NewRun } from '../../api/new-runs.ts';
import type { Draft } from './draft.ts';

/**
 * Under which name a draft is sent. The same request of the same draft has the same one, also after a reload, so that a double click or a lost answer creates
 * one; a request that was changed since is another.
 */
export function sendKeyOf({ key }: Pick<Draft, 'key'>, { body }: NewRun): string {
  return `${key}-${hashOf(JSON.stringify(body)).toString(16)}`;
}

/** FNV-1a, 32 bits: the requests of one draft are few. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let place = 0; place < text.length; place++) hash = Math.imul(hash ^ text.charCodeAt(place), 0x01000193) >>> 0;
  return hash;
}
