import { setTimeout as after } from 'node:timers/promises';
import { isDatabaseAway } from '../../models/database-away.ts';
import { Run } from '../../models/run.ts';
import { readStream, type StreamEntry, type StreamPlace } from '../../models/run-stream.ts';
import { isFinal } from '../../models/statuses.ts';

const LOOK_EVERY_MS = 500;
/** Proxies end connections on which nothing comes. */
const QUIET_MS = 15_000;
const BATCH = 500;
/** A client that lost its connection comes again after so long. */
const RETRY_MS = 2_000;

/**
 * What happens to a run from `place` on, as Server-Sent Events, until its end or until `signal`. It ends early when the
 * database goes away: the client comes again, and goes on from the last event that it has seen.
 */
export async function* eventStream(runId: number, place: StreamPlace, signal: AbortSignal): AsyncGenerator<string> {
  try {
    yield* events(runId, place, signal);
  } catch (error) {
    if (!isDatabaseAway(error)) throw error;
  }
}

async function* events(runId: number, place: StreamPlace, signal: AbortSignal): AsyncGenerator<string> {
  let last = place;
  let saidAt = performance.now();
  yield `retry: ${RETRY_MS}\n\n`;
  while (!signal.aborted) {
    // Looked at first: what was written before the end is then read below.
    const run = await Run.findByPk(runId, {
      attributes: ['status', 'workflow_closed_at', 'admitted_at', 'error_message'],
    });
    const entries = await readStream(runId, last, BATCH);
    for (const entry of entries) {
      yield format(entry);
      last = entry;
      saidAt = performance.now();
    }
    if (entries.length === BATCH) continue;
    if (!run || (entries.length === 0 && isOver(run))) {
      const { status, error_message } = run ?? { status: 'deleted', error_message: null };
      return yield `event: end\ndata: ${JSON.stringify({ status, error_message })}\n\n`;
    }
    if (performance.now() - saidAt > QUIET_MS) {
      yield ': nothing new\n\n';
      saidAt = performance.now();
    }
    await after(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
  }
}

/** A run that was never admitted has no workflow that could write more. */
function isOver({ status, workflow_closed_at, admitted_at }: Run): boolean {
  return isFinal(status) && (workflow_closed_at !== null || admitted_at === null);
}

/** JSON has no raw line breaks, so one data line holds it. */
function format({ xid, seq, kind, data, created_at }: StreamEntry): string {
  return `id: ${xid}-${seq}\nevent: ${kind}\ndata: ${JSON.stringify({ ...data, at: created_at.toISOString() })}\n\n`;
}

/** The place that an event's id names. */
export function placeOf(id: string): StreamPlace {
  const [xid = '0', seq = '0'] = id.split('-');
  return { xid, seq: Number(seq) };
}
