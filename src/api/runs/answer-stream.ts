import type { streamAnswer } from '../../commands/runs/query-bundle.ts';
import { TransientError } from '../../platform/failure.ts';
import { UnreadableBundle } from '../../retrieval/bundle-reader.ts';
import { sentEvent } from '../http/sent-event.ts';

/** An answer from a bundle as Server-Sent Events: `chunks`, `text` as it is said, and `answer`, or `error`. */
export async function* answerStream({ about, told }: Awaited<ReturnType<typeof streamAnswer>>): AsyncGenerator<string> {
  // Loading the models may take minutes, so the client hears at once that the question was taken.
  yield ': reading\n\n';
  try {
    for await (const event of told) {
      if ('results' in event) yield sentEvent('chunks', { ...about, ...event });
      else if ('text' in event) yield sentEvent('text', event);
      else yield sentEvent('answer', event.answer);
    }
  } catch (error) {
    if (!(error instanceof UnreadableBundle || error instanceof TransientError)) throw error;
    yield sentEvent('error', { detail: error.message });
  }
}
