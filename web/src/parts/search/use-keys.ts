import { useEffect, useEffectEvent } from 'react';
import { areSingleKeysOn } from './single-keys.ts';

export type View = 'search' | 'keys';

/** Asks for the search by `/`, Ctrl-K or Cmd-K, and for the list of keys by `?`. */
export function useKeys(onAsk: (view: View) => void): void {
  const ask = useEffectEvent(onAsk);
  useEffect(() => {
    const gone = new AbortController();
    const onKeyDown = (event: KeyboardEvent) => {
      const view = viewOf(event);
      if (view === null || event.defaultPrevented) return;
      event.preventDefault();
      // A question that is open is answered first.
      if (document.querySelector('[aria-modal="true"]') === null) ask(view);
    };
    window.addEventListener('keydown', onKeyDown, { signal: gone.signal });
    return () => gone.abort();
  }, []);
}

/** Which one a key asks for. On some keyboards `/` and `?` are with Shift or AltGr, so only the sign counts. */
function viewOf({ key, ctrlKey, metaKey, altKey, target }: KeyboardEvent): View | null {
  if ((ctrlKey || metaKey) && !altKey && key.toLowerCase() === 'k') return 'search';
  if (ctrlKey || metaKey || isTyping(target) || !areSingleKeysOn()) return null;
  if (key === '/') return 'search';
  return key === '?' ? 'keys' : null;
}

const NOT_TYPED_IN = ['button', 'checkbox', 'file', 'radio', 'range', 'reset', 'submit'];

function isTyping(target: EventTarget | null): boolean {
  if (target instanceof HTMLInputElement) return !NOT_TYPED_IN.includes(target.type);
  return target instanceof HTMLElement && (target.isContentEditable || ['TEXTAREA', 'SELECT'].includes(target.tagName));
}
