import { median } from '../../support/figures.ts';
import { LISTS_ASKED, timesOfList } from '../../support/many-rows.ts';
import type { Bounded } from '../bounds.ts';
import { type Bench, watch } from './watched.ts';

const TIMES = 9;
const MOST_MS = 300;

const SHOWN = ['/runs', '/datasets', '/'];

/** Lists of 10,000 datasets and 5,000 runs: how soon the API answers, and how soon a row stands on the page. */
export async function figuresOfLists(bench: Bench): Promise<Bounded[]> {
  const figures: Bounded[] = [];
  for (const [what, path] of Object.entries(LISTS_ASKED)) {
    const tookMs = await timesOfList(bench.service, path, TIMES);
    figures.push({ what: `API: ${what}, median of ${TIMES}`, found: median(tookMs), unit: 'ms', atMost: MOST_MS });
  }
  for (const address of SHOWN) {
    const firstRowMs = { cold: [] as number[], warm: [] as number[] };
    for (let n = 0; n < TIMES; n += 1) {
      const visitor = await watch(bench);
      for (const ms of Object.values(firstRowMs)) {
        await visitor.page.goto(address);
        await visitor.until('window.noted.firstRowMs !== null');
        ms.push((await visitor.noted()).firstRowMs ?? Number.NaN);
      }
      await visitor.leave();
    }
    for (const [kind, ms] of Object.entries(firstRowMs))
      figures.push({
        what: `${address}: from navigation to the first row, ${kind === 'cold' ? 'nothing cached' : 'script cached'}, median of ${TIMES}`,
        found: median(ms),
        unit: 'ms',
      });
  }
  return figures;
}
