import autocannon from 'autocannon';
import { median } from '../../support/figures.ts';

/** A server under load. */
export interface Load {
  requestsPerS: number;
  p50Ms: number;
  p99Ms: number;
}

export type Sides = Record<'ours' | 'bare', Load>;

/**
 * Two servers under the same load, in turns, so that what else the machine does meets both alike; which is first changes from round
 * to round. Medians of the rounds. Of several URLs each connection asks for one after the other, beginning with one of its own. Before anything counts, each answers `warmUp` requests: connections open, and V8 compiles a
 * function for good only after thousands of calls, which a server has behind it for nearly all of its life.
 * @throws Error when an answer is no success: errors may be fast
 */
export async function inTurns(
  urls: Record<keyof Sides, string[]>,
  options: Omit<autocannon.Options, 'url' | 'duration'>,
  { warmUp, rounds, seconds }: { warmUp: number; rounds: number; seconds: number },
): Promise<Sides> {
  const loads: Record<keyof Sides, Load[]> = { ours: [], bare: [] };
  for (const each of Object.values(urls)) await load(each, { ...options, amount: warmUp });
  for (let round = 0; round < rounds; round++) {
    for (const side of round % 2 === 0 ? (['ours', 'bare'] as const) : (['bare', 'ours'] as const))
      loads[side].push(await load(urls[side], { ...options, duration: seconds }));
  }
  return { ours: medians(loads.ours), bare: medians(loads.bare) };
}

async function load(urls: string[], options: Omit<autocannon.Options, 'url'>): Promise<Load> {
  const [url = ''] = urls;
  const paths = urls.map((each) => ({ path: new URL(each).pathname }));
  let connection = 0;
  const setupClient = (client: autocannon.Client) => {
    const first = connection++ % paths.length;
    client.setRequests([...paths.slice(first), ...paths.slice(0, first)]);
  };
  const several = paths.length > 1 ? { setupClient } : {};
  const { requests, latency, non2xx, errors, timeouts } = await autocannon({ ...options, ...several, url });
  const failed = non2xx + errors + timeouts;
  if (failed > 0) throw new Error(`${failed} of ${requests.total} requests to ${url} failed.`);
  return { requestsPerS: requests.average, p50Ms: latency.p50, p99Ms: latency.p99 };
}

function medians(loads: Load[]): Load {
  const of = (figure: keyof Load) => median(loads.map((load) => load[figure])) ?? Number.NaN;
  return { requestsPerS: of('requestsPerS'), p50Ms: of('p50Ms'), p99Ms: of('p99Ms') };
}
