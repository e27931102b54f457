/** 100 % in thousandths of a percent: whole numbers, as the API counts shares, so that a sum is exact. */
export const WHOLE = 100_000;
/** The API takes no share of nothing. */
const LEAST = 1;

/** The share that one of several has. `isHeld`: it stays as it is while others are moved. */
export interface Share {
  thousandths: number;
  isHeld: boolean;
}

/**
 * The shares once the one at `index` is set; the others give or take in proportion, and all of them add up to WHOLE. Those that are held stay as they are where
 * that leaves room; where it leaves none, none is held any more.
 */
export function moved<S extends Share>(shares: readonly S[], index: number, to: number): S[] {
  if (shares.length === 1) return shares.map((share) => ({ ...share, thousandths: WHOLE }));
  const others = shares.filter((_, place) => place !== index);
  const free = others.filter(({ isHeld }) => !isHeld);
  const room = WHOLE - total(others.filter(({ isHeld }) => isHeld)) - free.length * LEAST;
  const wanted = Math.max(Math.round(to), LEAST);
  const isStuck = free.length === 0 || wanted > room;
  if (isStuck && free.length < others.length) {
    const letGo = shares.map((share, place) => (place === index ? share : { ...share, isHeld: false }));
    return moved(letGo, index, to);
  }
  const target = Math.min(wanted, room);
  const parts = split(
    room + free.length * LEAST - target,
    free.map(({ thousandths }) => thousandths),
  );
  return shares.map((share, place) => {
    if (place === index) return { ...share, thousandths: target };
    return share.isHeld ? share : { ...share, thousandths: parts.shift() ?? LEAST };
  });
}

/** With one more, which gets what one of so many has on the average. */
export function added<S extends Share>(shares: readonly S[], share: S): S[] {
  const all = [...shares, { ...share, thousandths: 0 }];
  return moved(all, shares.length, WHOLE / all.length);
}

/** Without one: what it had goes to the others. */
export function removed<S extends Share>(shares: readonly S[], index: number): S[] {
  const left = shares.filter((_, place) => place !== index);
  const free = left.filter(({ isHeld }) => !isHeld);
  if (left.length === 0) return [];
  const taking = free.length > 0 ? free : left;
  const parts = split(
    WHOLE - total(left.filter((share) => !taking.includes(share))),
    taking.map(({ thousandths }) => thousandths),
  );
  return left.map((share) =>
    taking.includes(share) ? { ...share, isHeld: false, thousandths: parts.shift() ?? LEAST } : share,
  );
}

/** Of a text such as 33.333 or 33,5; null where it is no percentage from 0.001 to 100 with three decimals at most. */
export function thousandthsOf(text: string): number | null {
  const [, whole = '', decimals = ''] = /^\s*(\d{1,3})(?:[.,](\d{1,3}))?\s*%?\s*$/.exec(text) ?? [];
  const thousandths = Number(whole) * 1000 + Number(decimals.padEnd(3, '0'));
  return whole !== '' && thousandths >= LEAST && thousandths <= WHOLE ? thousandths : null;
}

function total(shares: readonly Share[]): number {
  return shares.reduce((sum, { thousandths }) => sum + thousandths, 0);
}

/** Splits `whole` by weights: floors first, then one more to the largest remainders; nobody gets less than LEAST, which the largest give. */
function split(whole: number, weights: number[]): number[] {
  const sum = weights.reduce((all, weight) => all + weight, 0);
  const exact = weights.map((weight) => (sum === 0 ? whole / weights.length : (whole * weight) / sum));
  const parts = exact.map(Math.floor);
  const byRemainder = exact
    .map((value, place) => ({ place, remainder: value % 1 }))
    .sort((a, b) => b.remainder - a.remainder);
  let left = whole - parts.reduce((all, part) => all + part, 0);
  for (const { place } of byRemainder) {
    if (left <= 0) break;
    parts[place] = (parts[place] ?? 0) + 1;
    left -= 1;
  }
  for (const [place, part] of parts.entries()) {
    if (part >= LEAST) continue;
    const largest = parts.indexOf(Math.max(...parts));
    parts[largest] = (parts[largest] ?? 0) - (LEAST - part);
    parts[place] = LEAST;
  }
  return parts;
}
