import { createParser, type EventSourceMessage } from 'eventsource-parser';

/** The Server-Sent Events of an answer, as they come. Whoever stops reading frees the connection: a browser has six for each host. */
export async function* sentEvents(body: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<EventSourceMessage> {
  const read: EventSourceMessage[] = [];
  const parser = createParser({
    onEvent: (event) => {
      read.push(event);
    },
  });
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      parser.feed(value);
      yield* read.splice(0);
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
