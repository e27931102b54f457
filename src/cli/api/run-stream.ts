import { setTimeout as after } from 'node:timers/promises';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import type { RunName } from '../runs/run-name.ts';
import { authorization, requireSuccess, type Server } from './client.ts';

const TRY_AGAIN_MS = 1_000;

/** An event of a run, or one of its steps (kind `step`). */
export interface StreamEvent {
  kind: string;
  data: Record<string, unknown>;
}

/** What a reader of a stream hears about the connection, once for each change. */
export interface StreamNews {
  onLost: () => void;
  onBack: () => void;
}

/**
 * What happens to a run: what has happened so far, but for its steps, and then what does, until its end. A connection that breaks
 * is made again from the last event that was read (Last-Event-ID), for as long as it takes.
 * @throws CommandFailure with what the API says when it refuses
 */
export async function* followRun(
  server: Server,
  { kind, id, run }: RunName,
  { onLost, onBack }: StreamNews,
  signal: AbortSignal,
): AsyncGenerator<StreamEvent> {
  let last: string | undefined;
  let isLost = false;
  const url = `${server.url}/api/v1/${kind}s/${id}/events?steps=new${run === undefined ? '' : `&run=${run}`}`;
  while (!signal.aborted) {
    const headers = { ...authorization(server.key), ...(last === undefined ? {} : { 'Last-Event-ID': last }) };
    const response = await fetch(url, { headers, signal }).catch(() => null);
    if (response !== null && response.status !== 503) {
      const { body } = await requireSuccess(response);
      if (isLost) onBack();
      isLost = false;
      for await (const { id: place, event, data } of body === null ? [] : messagesOf(body)) {
        last = place ?? last;
        const kindOfEvent = event ?? 'message';
        yield { kind: kindOfEvent, data: JSON.parse(data) };
        if (kindOfEvent === 'end') return;
      }
    }
    if (signal.aborted) return;
    if (!isLost) onLost();
    isLost = true;
    await after(TRY_AGAIN_MS, undefined, { signal }).catch(() => {});
  }
}

/** Until the connection ends, also where it breaks: what was not read is read after the next one is made. */
async function* messagesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<EventSourceMessage> {
  const read: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (message) => void read.push(message) });
  const decoder = new TextDecoder();
  const reader = body.getReader();
  for (;;) {
    const part = await reader.read().catch(() => null);
    if (part === null || part.done) return;
    parser.feed(decoder.decode(part.value, { stream: true }));
    yield* read.splice(0);
  }
}
