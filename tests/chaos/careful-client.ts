import { until } from '../support/service.ts';

const CALL_TIMEOUT_MS = 15_000;

export interface Answer {
  status: number;
  body: Record<string, unknown>;
}

/** Asks the API as a client does that has to live with whatever happens to it. */
export class CarefulClient {
  readonly #apiUrl: string;

  constructor(apiUrl: string) {
    this.#apiUrl = apiUrl;
  }

  /** One request, with one try. Rejects when the API does not answer. */
  async call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return await this.send(method, path, {
      headers: { ...headers, ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  /** The same of any content. */
  async send(method: string, path: string, init: RequestInit): Promise<Answer> {
    const signal = AbortSignal.timeout(CALL_TIMEOUT_MS);
    const response = await fetch(`${this.#apiUrl}/api/v1${path}`, { method, signal, ...init });
    const text = await response.text();
    return { status: response.status, body: (text ? JSON.parse(text) : {}) as Record<string, unknown> };
  }

  /** Sends a request as a careful client does: again, with the same key, until there is an answer that is not "later". */
  async persist(method: string, path: string, body: unknown, key: string): Promise<Answer> {
    return await until(`an answer to ${method} ${path}`, async () => {
      const answer = await this.call(method, path, body, { 'Idempotency-Key': encodeURIComponent(key) }).catch(
        () => null,
      );
      return answer && answer.status < 500 ? answer : null;
    });
  }
}
