import { useEffect, useState } from 'react';
import { newKey } from '../../api/idempotency.ts';
import type { Draft } from './draft.ts';
import { type DraftName, forgetDraft, keepDraft, storedDraft } from './stored-draft.ts';

export interface DraftState {
  draft: Draft;
  change: (changes: Partial<Draft>) => void;
  /** It is another than the one that it began with. */
  isChanged: boolean;
  /** A reload finds it again. */
  isKept: boolean;
  beginAnew: () => void;
  /** It was created: the next one begins anew. */
  forget: () => void;
}

/** A draft that survives a reload: every change of it is kept in the browser. */
export function useDraft(name: DraftName, initial: Draft): DraftState {
  const [first, setFirst] = useState(initial);
  const [draft, setDraft] = useState(() => storedDraft(name) ?? first);
  const [isKept, setIsKept] = useState(true);
  const { kind, from } = name;
  const isChanged = draft !== first;
  useEffect(() => {
    if (isChanged) setIsKept(keepDraft({ kind, from }, draft));
  }, [kind, from, draft, isChanged]);
  return {
    draft,
    change: (changes) => setDraft((before) => ({ ...before, ...changes })),
    isChanged,
    isKept,
    beginAnew: () => {
      const fresh = { ...first, key: newKey() };
      forgetDraft(name);
      setFirst(fresh);
      setDraft(fresh);
    },
    forget: () => forgetDraft(name),
  };
}
