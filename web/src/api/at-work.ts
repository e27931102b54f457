import type { components } from '../../../generated/api';

const AGAIN_MS = 2_000;

/** What is answered where something takes longer than an answer may: it goes on, and the same asked again gives it. */
export type AtWork = components['schemas']['StillAtWork'];

export function isAtWork<Body extends object>(body: Body | AtWork | undefined): body is AtWork {
  return body !== undefined && 'progress_percent' in body;
}

/** The refetchInterval of a query whose answer may take long: it is asked for until it is there, or refused. */
export function untilDone({ state: { data, error } }: { state: { data: object | undefined; error: Error | null } }) {
  return error === null && isAtWork(data) ? AGAIN_MS : false;
}

/** How a plan is asked for: it is asked again until it is there, and good for a while. */
export const PLANNED = { staleTime: 30_000, refetchInterval: untilDone };

/** What was asked for, when it is done. */
export async function whenDone<Body extends object>(ask: () => Promise<Body | AtWork>): Promise<Body> {
  for (;;) {
    const body = await ask();
    if (!isAtWork(body)) return body;
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}
