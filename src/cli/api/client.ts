import { setTimeout as after } from 'node:timers/promises';
import createClient from 'openapi-fetch';
import type { paths } from '../../../generated/api.d.ts';
import { CommandFailure, EXIT, Refusal } from '../exit-codes.ts';

/** Longer than the API takes to be started again. */
const TRIES = 30;
const TRY_AGAIN_MS = 500;
/** Plans, and looks at what is due, take longer than an answer may. The API tells other clients to send the request again, which this one does. */
const waitedFor = (url: string) => (url.endsWith('/storage/clean') ? 'Looking what is due…' : 'Counting tokens…');
/** How a connection ends whose other side died, by Node and by its fetch. */
const BROKEN = ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'];

/** Every request of the command line, typed by the OpenAPI document. */
export type Client = ReturnType<typeof createClient<paths>>;

/** Where the service is, and who asks. */
export interface Server {
  /** Without a slash at its end. */
  url: string;
  key: string | undefined;
  /** Whether somebody said so, rather than that it is the one of this machine. */
  isNamed: boolean;
}

interface Answer<Body> {
  data?: Body;
  error?: unknown;
  response: Response;
}

/**
 * A client of the service at an address. What is answered with 202 goes on there, and is asked for again until it is done.
 * @param onWait is called with a sentence each time that the service asks for patience
 */
export function clientOf({ url, key }: Pick<Server, 'url' | 'key'>, onWait: (sentence: string) => void): Client {
  return createClient<paths>({
    baseUrl: url,
    headers: authorization(key),
    fetch: async (request: Request) => {
      for (;;) {
        const response = await reach(url, () => fetch(request.clone()), isRepeatable(request));
        if (response.status !== 202) return response;
        onWait(waitedFor(request.url));
        await after(1_000 * Number(response.headers.get('Retry-After') ?? 1));
      }
    },
  });
}

export function authorization(key: string | undefined): Record<string, string> {
  return key === undefined ? {} : { Authorization: `Bearer ${key}` };
}

function isRepeatable({ method, headers }: Request): boolean {
  return method === 'GET' || headers.has('Idempotency-Key');
}

/**
 * An answer of the service. A connection that broke leaves it open whether the request was heard: one that may be sent again is.
 * @throws CommandFailure that says what to do, where nothing answers at the address
 */
export async function reach(url: string, ask: () => Promise<Response>, isRepeatable = false): Promise<Response> {
  let wasThere = false;
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask();
    } catch (cause) {
      if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
      wasThere ||= isBroken(cause);
      if (!isRepeatable || !wasThere || tries === TRIES)
        throw new CommandFailure(
          `Nothing answers at ${url}. Start the service with \`mtm up\`, or name another address with --server or MTM_SERVER.`,
          EXIT.unreachable,
          { cause },
        );
      await after(TRY_AGAIN_MS);
    }
  }
}

/** Whether a service was there. One that never answered is not waited for. */
function isBroken(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : null;
  return cause instanceof Error && 'code' in cause && BROKEN.includes(String(cause.code));
}

/** The body of an answer. @throws Refusal with what the API says */
export async function bodyOf<Body>(asking: Promise<Answer<Body>>): Promise<Body> {
  const { data, error, response } = await asking;
  if (!response.ok) throw refusalOf(response.status, error);
  // An answer without a body has no data: whoever asks for one does not read it.
  return data as Body;
}

/** How 202 says that what was asked for goes on. */
interface Unfinished {
  detail: string;
  progress_percent: number | null;
}

/** The same of what may take longer. The client waits for it, so that none of its answers is unfinished. */
export async function finishedBodyOf<Body>(asking: Promise<Answer<Body>>): Promise<Exclude<Body, Unfinished>> {
  return (await bodyOf(asking)) as Exclude<Body, Unfinished>;
}

/** What an answer other than success means for the command. */
export function refusalOf(status: number, body: unknown): Refusal {
  const detail = detailOf(body) ?? `The service answered with ${status}.`;
  if (status === 401) return new Refusal(status, `${detail} Set MTM_API_KEY to a key of the service.`);
  return new Refusal(status, detail, status === 503 ? EXIT.unreachable : EXIT.failed);
}

/** @throws Refusal, as `bodyOf`, of an answer that was not asked for by the typed client */
export async function requireSuccess(response: Response): Promise<Response> {
  if (response.ok) return response;
  const body: unknown = await response.json().catch(() => null);
  throw refusalOf(response.status, body);
}

function detailOf(body: unknown): string | null {
  if (typeof body !== 'object' || body === null || !('detail' in body)) return null;
  return typeof body.detail === 'string' ? body.detail : null;
}
