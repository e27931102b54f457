import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { followRun, type RunEvent } from '../../api/run-stream.ts';
import { ownerKey } from '../../api/runs.ts';
import type { RunOwner, RunPhase } from '../../api/types.ts';

/** Drawing more often than this helps nobody. */
const SHOW_EVERY_MS = 300;
/** A run of days has tens of thousands of steps and events, and its page may be open for all of them. */
const MOST_STEPS_KEPT = 2_000;
const MOST_EVENTS_KEPT = 2_000;
const MOST_PHASES_KEPT = 100;

export interface ReachedPhase {
  at: Date;
  phase: RunPhase;
}

/** What a stream has told so far. */
export interface RunStream {
  /** All but steps, oldest first: the last ones. */
  events: RunEvent[];
  /** How many came before those. */
  olderEvents: number;
  /** Each that differs from the one before, oldest first: the last ones. */
  phases: ReachedPhase[];
  /** When a worker claimed the run last. */
  claimedAt: Date | null;
  /** Steps that were done since the stream was opened, each after the one before. */
  steps: RunEvent[];
  /** Counts the reasons to read the curves again: what was not told between two connections, another claim, steps that are done again. */
  reasonsToRead: number;
  hasEnded: boolean;
  refusal: string | null;
}

const NOTHING: RunStream = {
  events: [],
  olderEvents: 0,
  phases: [],
  claimedAt: null,
  steps: [],
  reasonsToRead: 0,
  hasEnded: false,
  refusal: null,
};

/**
 * What happens to a run, as it happens. A page that nobody looks at lets go of its connection, of which a browser has few, and goes on
 * where it was when it is looked at again.
 */
export function useRunStream({ kind, id }: RunOwner, run: number | null): RunStream {
  const [shown, setShown] = useState(NOTHING);
  const queries = useQueryClient();
  const told = useRef(NOTHING);
  useEffect(() => {
    told.current = NOTHING;
    setShown(NOTHING);
    if (run === null) return;
    const owner = { kind, id };
    let last: string | null = null;
    let following: AbortController | null = null;
    let timer = 0;
    let isOutdated = false;
    const show = () => {
      if (timer !== 0) return;
      timer = window.setTimeout(() => {
        timer = 0;
        setShown(told.current);
        if (isOutdated) void queries.invalidateQueries({ queryKey: ownerKey(owner) });
        isOutdated = false;
      }, SHOW_EVERY_MS);
    };
    const change = (next: Partial<RunStream>) => {
      told.current = { ...told.current, ...next };
      show();
    };
    const follow = () => {
      if (document.hidden || told.current.hasEnded) return void following?.abort();
      following?.abort();
      following = new AbortController();
      const listener = {
        onOpen: () => change({ reasonsToRead: told.current.reasonsToRead + 1 }),
        onRefusal: (refusal: string) => change({ refusal }),
        onEvent: (event: RunEvent) => {
          last = event.id ?? last;
          if (event.kind === 'step') return change(withStep(told.current, event));
          if (CHANGES.includes(event.kind) && isNew(event)) isOutdated = true;
          change(event.kind === 'end' ? { hasEnded: true } : withEvent(told.current, event));
        },
      };
      void followRun(owner, run, listener, { after: last, signal: following.signal });
    };
    follow();
    document.addEventListener('visibilitychange', follow);
    return () => {
      document.removeEventListener('visibilitychange', follow);
      following?.abort();
      window.clearTimeout(timer);
    };
  }, [kind, id, run, queries]);
  return shown;
}

/** After these the run is another than what was read of it. */
const CHANGES = ['status', 'phase', 'end', 'checkpoint', 'waiting'];

function withEvent({ events, olderEvents, phases, claimedAt }: RunStream, event: RunEvent): Partial<RunStream> {
  const { at, kind, data } = event;
  const all = [...events, event];
  const kept = all.slice(-MOST_EVENTS_KEPT);
  const isReached = at !== null && typeof data.phase === 'string' && data.phase !== phases.at(-1)?.phase;
  return {
    events: kept,
    olderEvents: olderEvents + all.length - kept.length,
    phases: isReached ? [...phases, { at, phase: data.phase as RunPhase }].slice(-MOST_PHASES_KEPT) : phases,
    claimedAt: kind === 'status' && data.status === 'running' ? at : claimedAt,
  };
}

function withStep({ steps, claimedAt, reasonsToRead }: RunStream, event: RunEvent): Partial<RunStream> {
  const isDoneAgain = Number(event.data.step) <= Number(steps.at(-1)?.data.step ?? 0);
  // Where another claim did its first step the curve gets a mark.
  const isFirstOfClaim = (claimedAt ?? 0) > (steps.at(-1)?.at ?? 0);
  if (isDoneAgain || isFirstOfClaim)
    return { steps: isDoneAgain ? [event] : [...steps, event], reasonsToRead: reasonsToRead + 1 };
  return { steps: [...steps, event].slice(-MOST_STEPS_KEPT) };
}

const NEW_MS = 60_000;

/** Of a run's past nothing has to be read again: it was read when the page was opened. */
function isNew({ at, kind }: RunEvent): boolean {
  return kind === 'end' || at === null || Date.now() - at.getTime() < NEW_MS;
}
