import { useState } from 'react';
import type { RunOwner } from '../../api/types.ts';
import { keep, keptJson } from '../../parts/storage.ts';
import type { Conversation } from './conversation.ts';

type Typed = Partial<Pick<Conversation, 'system' | 'question'>>;

/**
 * A conversation, and what was typed in it: this tab keeps that, so that it survives a reload. The address would be too long for it.
 * @param row which row it is from; null: none
 */
export function useConversation(owner: RunOwner, run: number, row: number | null, given: Conversation) {
  const key = `mtm playground ${owner.kind}-${owner.id}.${run}${row === null ? '' : ` row ${row}`}`;
  const [typed, setTyped] = useState<Typed>(() => keptTyped(key));
  const change = (changes: Typed) => {
    const next = { ...typed, ...changes };
    setTyped(next);
    keep(key, JSON.stringify(next), 'tab');
  };
  const conversation = { ...given, ...typed };
  const isChanged = conversation.system !== given.system || conversation.question !== given.question;
  return { conversation, change, isChanged };
}

function keptTyped(key: string): Typed {
  const kept = Object(keptJson(key, 'tab')) as Record<string, unknown>;
  return {
    ...(typeof kept.system === 'string' ? { system: kept.system } : {}),
    ...(typeof kept.question === 'string' ? { question: kept.question } : {}),
  };
}
