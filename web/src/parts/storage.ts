/** What this browser keeps, or this tab alone, which has it after a reload. A private window, or a full store, keeps nothing. */
const STORES = { browser: () => localStorage, tab: () => sessionStorage };
type Store = keyof typeof STORES;

/** Null: nothing is kept under this name. */
export function kept(key: string, store: Store = 'browser'): string | null {
  try {
    return STORES[store]().getItem(key);
  } catch {
    return null;
  }
}

/** What was kept as JSON; null also where it is none. */
export function keptJson(key: string, store: Store = 'browser'): unknown {
  try {
    return JSON.parse(kept(key, store) ?? 'null');
  } catch {
    return null;
  }
}

/** `null`: forgets it. @returns whether it could be */
export function keep(key: string, value: string | null, store: Store = 'browser'): boolean {
  try {
    if (value === null) STORES[store]().removeItem(key);
    else STORES[store]().setItem(key, value);
    return true;
  } catch {
    return false;
  }
}
