import createClient from 'openapi-fetch';
import type { paths } from '../../../generated/api';
import { connection } from './connection.ts';

/** What the API refuses, in its own words: they name the field, the value and the remedy. */
export class ApiRefusal extends Error {
  readonly status: number;

  constructor(status: number, detail: string) {
    super(detail);
    this.status = status;
  }
}

/** The API does not answer. `connection` says so on every screen, and asks until it does. */
export class ApiAway extends Error {
  constructor(cause: unknown) {
    super('The service does not answer. Your runs go on; this page asks again by itself.', { cause });
  }
}

/** Typed by the OpenAPI document: a change of it is an error of the type check here. */
export const client = createClient<paths>();

interface Answer<Body> {
  data?: Body;
  error?: unknown;
  response: Response;
}

/** The body of an answer. @throws ApiRefusal, ApiAway; an AbortError where nobody waits for it any more */
export async function bodyOf<Body>(asking: Promise<Answer<Body>>): Promise<Body> {
  const { data, error, response } = await asking.catch((cause: unknown) => {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    connection.lost();
    throw new ApiAway(cause);
  });
  connection.reached();
  if (!response.ok) throw new ApiRefusal(response.status, detailOf(error) ?? `The answer was ${response.status}.`);
  // An answer without a body has no data: whoever asks for one does not read it.
  return data as Body;
}

export function detailOf(error: unknown): string | null {
  if (typeof error !== 'object' || error === null || !('detail' in error)) return null;
  return typeof error.detail === 'string' ? error.detail : null;
}
