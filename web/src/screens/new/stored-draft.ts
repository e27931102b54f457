import { keep, keptJson } from '../../parts/storage.ts';
import type { Draft, Kind } from './draft.ts';

/** Another one when Draft changes: drafts of before are not read then. */
const VERSION = 7;

/** The draft of a kind; of what starts from an existing run, one for each. */
export interface DraftName {
  kind: Kind;
  /** `job-3`, or the checkpoint that it begins from, in words; null: from nothing. */
  from: string | null;
}

const keyOf = ({ kind, from }: DraftName) => `mtm draft ${kind}${from === null ? '' : ` from ${from}`}`;

/** What was kept in this browser; null: nothing, or nothing that this version reads. */
export function storedDraft(name: DraftName): Draft | null {
  const kept = keptJson(keyOf(name));
  const isOurs =
    typeof kept === 'object' && kept !== null && 'version' in kept && 'draft' in kept && kept.version === VERSION;
  // Written by `keepDraft` of this version.
  return isOurs ? (kept.draft as Draft) : null;
}

/** Keeps it in this browser. @returns whether it could be */
export function keepDraft(name: DraftName, draft: Draft): boolean {
  return keep(keyOf(name), JSON.stringify({ version: VERSION, draft }));
}

export function forgetDraft(name: DraftName): void {
  keep(keyOf(name), null);
}
