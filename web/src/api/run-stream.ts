import type { EventSourceMessage } from 'eventsource-parser';
import { detailOf } from './client.ts';
import { connection } from './connection.ts';
import { sentEvents } from './sent-events.ts';
import type { RunOwner } from './types.ts';

const TRY_AGAIN_MS = 2_000;

/** An event of a run, or one of its steps (kind `step`). */
export interface RunEvent {
  /** Its place in the stream; null of the last, `end`. */
  id: string | null;
  kind: string;
  /** When it happened; null where it does not say. */
  at: Date | null;
  data: Record<string, unknown>;
}

interface StreamListener {
  /** A connection is there: of steps, those that are done from now on will be told. */
  onOpen: () => void;
  onEvent: (event: RunEvent) => void;
  /** Why there is no stream: what the API says. It is not asked again. */
  onRefusal: (detail: string) => void;
}

/**
 * What happens to a run after an event, or from its beginning on; of its steps those that are done from now on. A connection that breaks is made again, from
 * the last event that was seen on. By fetch, since EventSource tells no status and no refusal. Ends with the run, or with `signal`.
 */
export async function followRun(
  owner: RunOwner,
  run: number,
  listener: StreamListener,
  { after, signal }: { after: string | null; signal: AbortSignal },
): Promise<void> {
  let last = after;
  while (!signal.aborted) {
    try {
      const place = last === null ? '' : `&after=${last}`;
      const response = await fetch(`/api/v1/${owner.kind}s/${owner.id}/events?run=${run}&steps=new${place}`, {
        signal,
      });
      if (!response.ok || response.body === null) {
        if (response.status !== 503) return listener.onRefusal(await refusalOf(response));
      } else {
        connection.reached();
        listener.onOpen();
        for await (const message of sentEvents(response.body)) {
          const event = eventOf(message);
          last = event.id ?? last;
          listener.onEvent(event);
          if (event.kind === 'end') return;
        }
      }
    } catch {
      if (signal.aborted) return;
      connection.lost();
    }
    await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_MS));
  }
}

async function refusalOf(response: Response): Promise<string> {
  const body: unknown = await response.json().catch(() => null);
  return detailOf(body) ?? `The answer was ${response.status}.`;
}

function eventOf({ id, event, data }: EventSourceMessage): RunEvent {
  const { at, ...rest } = JSON.parse(data) as Record<string, unknown>;
  return { id: id ?? null, kind: event ?? 'message', at: typeof at === 'string' ? new Date(at) : null, data: rest };
}
