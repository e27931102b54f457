import { setTimeout as after } from 'node:timers/promises';
import {
  readStream,
  STREAM_START,
  type StreamEntry,
  type StreamPlace,
  streamHorizon,
} from '../../models/runs/run-stream.ts';
import { isDatabaseAway } from '../../platform/postgres/database-away.ts';
import { sentEvent } from '../http/sent-event.ts';
import type { HorizonWatch } from './horizon-watch.ts';

const LOOK_EVERY_MS = 500;
/** Proxies end connections on which nothing comes. */
const QUIET_MS = 15_000;
const BATCH = 500;
/** A client that lost its connection comes again after so long. */
const RETRY_MS = 2_000;

/** `signal`: the client is gone. `onlyNewSteps`: it has seen the steps before this stream. */
interface StreamOptions {
  signal: AbortSignal;
  horizon: HorizonWatch;
  onlyNewSteps?: boolean;
}

/**
 * What happens to a run from `place` on, as Server-Sent Events, until its last event was sent or until `signal`. It ends
 * early when the database goes away: the client comes again, and goes on from the last event that it has seen.
 */
export async function* eventStream(runId: number, place: StreamPlace, options: StreamOptions): AsyncGenerator<string> {
  try {
    yield* events(runId, place, options);
  } catch (error) {
    if (!isDatabaseAway(error)) throw error;
  }
}

async function* events(runId: number, place: StreamPlace, options: StreamOptions): AsyncGenerator<string> {
  const { signal, horizon, onlyNewSteps } = options;
  const stepsFrom = onlyNewSteps ? await streamHorizon() : STREAM_START.xid;
  let last = place;
  let saidAt = performance.now();
  // Said first: whoever hears it and then reads the curves misses no step between the two.
  yield `retry: ${RETRY_MS}\n\n`;
  while (!signal.aborted) {
    const look = await readStream(runId, last, BATCH, stepsFrom);
    for (const entry of look.entries) {
      yield format(entry);
      last = entry;
      saidAt = performance.now();
    }
    if (look.entries.length === BATCH) continue;
    // Decided together with what could be shown: of a run that is over and of which nothing is held back, that was all.
    if (!look.run || (look.run.isOver && !look.isHeldBack)) {
      const { status, errorMessage } = look.run ?? { status: 'deleted', errorMessage: null };
      return yield sentEvent('end', { status, error_message: errorMessage });
    }
    await horizon.see(look);
    if (performance.now() - saidAt > QUIET_MS) {
      yield ': nothing new\n\n';
      saidAt = performance.now();
    }
    await after(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
  }
}

function format({ xid, seq, kind, data, created_at }: StreamEntry): string {
  return sentEvent(kind, { ...data, at: created_at.toISOString() }, `${xid}-${seq}`);
}

/** The place that an event's id names. */
export function placeOf(id: string): StreamPlace {
  const [xid = '0', seq = '0'] = id.split('-');
  return { xid, seq: Number(seq) };
}
