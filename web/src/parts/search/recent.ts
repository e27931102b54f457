import { useEffect, useState } from 'react';
import { useLocation } from 'wouter';
import { useParam } from '../address.ts';
import { PLACES } from '../shell/places.ts';

const KEY = 'mtm last visited';
/** One more than is shown: the screen that is open is none to go to. */
const KEPT = 8;

/** A screen that was visited, by its address; what it is of by its number, since names change. */
export type Visit =
  | { kind: 'place'; address: string; name: string }
  | { kind: 'model'; address: string; name: string }
  | { kind: 'job' | 'project' | 'dataset'; address: string; id: number };

/** Keeps in this browser which screens were visited last. */
export function useRememberVisits(): void {
  const address = useAddress();
  useEffect(() => {
    if (visitOf(address) === null) return;
    try {
      localStorage.setItem(
        KEY,
        JSON.stringify([address, ...kept().filter((other) => other !== address)].slice(0, KEPT)),
      );
    } catch {
      // A private window keeps nothing: then there are no last ones to show.
    }
  }, [address]);
}

/** The screens that were visited last, without the one that is open. They stay the same while they are shown. */
export function useLastVisits(): Visit[] {
  const here = useAddress();
  const [visits] = useState(() => kept().flatMap((address) => (address === here ? [] : (visitOf(address) ?? []))));
  return visits;
}

/** Without what a screen shows at the moment: its tab, its filters. */
function useAddress(): string {
  const [path] = useLocation();
  const model = useParam('model');
  return path === '/models' && model !== '' ? modelAddress(model) : path;
}

export function modelAddress(name: string): string {
  return `/models?model=${encodeURIComponent(name)}`;
}

function visitOf(address: string): Visit | null {
  const place = PLACES.find((candidate) => candidate.address === address);
  if (place !== undefined) return { kind: 'place', address, name: place.label };
  if (address.startsWith(modelAddress('')))
    return { kind: 'model', address, name: decodeURIComponent(address.slice(modelAddress('').length)) };
  const [, kind, id] = /^\/(job|project|dataset)s\/([1-9]\d{0,8})$/.exec(address) ?? [];
  if (kind === 'job' || kind === 'project' || kind === 'dataset') return { kind, address, id: Number(id) };
  return null;
}

function kept(): string[] {
  try {
    const addresses: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]');
    return Array.isArray(addresses) ? addresses.filter((address) => typeof address === 'string') : [];
  } catch {
    return [];
  }
}
