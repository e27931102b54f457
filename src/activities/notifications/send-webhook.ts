import { Webhook } from 'standardwebhooks';
import { Agent, errors, request } from 'undici';
import type { Env } from '../../platform/env.ts';
import { lookupPublic, PrivateAddressError, requirePublic } from '../../platform/public-addresses.ts';
import { VERSION } from '../../platform/version.ts';
import type { Message } from './message.ts';
import type { Sent } from './sent.ts';

/** Of an answer nothing is kept but its status: more than this is not read. */
const MOST_ANSWER_BYTES = 16 * 1024;
/** A receiver that asks for more patience gets so much. */
const MOST_RETRY_AFTER_MS = 24 * 3_600_000;
const REDIRECTS = [301, 302, 303, 307, 308];
/** The receiver wants no more of it, as Standard Webhooks has it. */
const GONE = 410;

interface Receiver {
  url: string;
  secret: string;
}

/**
 * Sends a message, signed as Standard Webhooks says, with an id that is the same at every attempt. Redirects are not followed: they are
 * told, so that the address can be set right.
 */
export async function sendWebhook(
  { url, secret }: Receiver,
  { id, message }: { id: string; message: Message },
  { webhooksAllowPrivate }: Pick<Env, 'webhooksAllowPrivate'>,
  withinMs: number,
): Promise<Sent> {
  const payload = JSON.stringify(message);
  const at = new Date();
  const agent = new Agent({
    connect: { timeout: withinMs, ...(webhooksAllowPrivate ? {} : { lookup: lookupPublic }) },
    headersTimeout: withinMs,
    bodyTimeout: withinMs,
  });
  try {
    if (!webhooksAllowPrivate) requirePublic(new URL(url).hostname);
    const { statusCode, headers, body } = await request(url, {
      method: 'POST',
      dispatcher: agent,
      signal: AbortSignal.timeout(withinMs),
      headers: {
        'content-type': 'application/json',
        'user-agent': `model-training-manager/${VERSION}`,
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
        'webhook-signature': new Webhook(secret).sign(id, at, payload),
      },
      body: payload,
    });
    // The answer is what its status says, however its body goes on.
    await body.dump({ limit: MOST_ANSWER_BYTES }).catch(() => {});
    return judge(statusCode, headers);
  } catch (error) {
    return { is: 'failed', answer: sentenceOf(error, withinMs) };
  } finally {
    // Not `close`, which would wait for an answer that never ends; nor for a name that is still looked up.
    void agent.destroy().catch(() => {});
  }
}

function judge(status: number, headers: Record<string, string | string[] | undefined>): Sent {
  if (status >= 200 && status < 300) return { is: 'delivered', answer: `It answered ${status}.` };
  if (status === GONE)
    return { is: 'gone', answer: 'It answered 410: the receiver wants no more, so the target is disabled.' };
  if (REDIRECTS.includes(status))
    return {
      is: 'failed',
      answer: `It answered ${status}, a redirect, which is not followed: set the url of the target to where it leads.`,
    };
  return { is: 'failed', answer: `It answered ${status}.`, retryAfterMs: retryAfterOf(headers['retry-after']) };
}

/** Seconds; a date is not understood, and the usual wait holds. */
function retryAfterOf(header: string | string[] | undefined): number {
  const seconds = typeof header === 'string' && /^\d{1,6}$/.test(header) ? Number(header) : 0;
  return Math.min(seconds * 1_000, MOST_RETRY_AFTER_MS);
}

function sentenceOf(error: unknown, withinMs: number): string {
  if (error instanceof PrivateAddressError) return error.message;
  if (error instanceof errors.ConnectTimeoutError || (error instanceof DOMException && error.name === 'TimeoutError'))
    return `It did not answer within ${withinMs / 1_000} s.`;
  const cause = causeOf(error);
  return `It could not be reached: ${cause.message || ('code' in cause ? String(cause.code) : cause.name)}.`;
}

/** Of several addresses that were tried, the first failure: an AggregateError has no words of its own. */
function causeOf(error: unknown): Error {
  if (error instanceof AggregateError) return causeOf(error.errors[0]);
  return error instanceof Error ? error : new Error(String(error));
}
