import { useEffect, useState } from 'react';
import { useLocation } from 'wouter';
import { useParam } from '../address.ts';
import { keep, keptJson } from '../storage.ts';

const KEY = 'mtm last visited';
/** One more than is shown: the screen that is open is none to go to. */
const KEPT = 8;

/** What was visited, by its number, since names change. Screens that are of nothing stand in the search anyway. */
export type Visit =
  | { kind: 'model'; address: string; name: string }
  | { kind: 'job' | 'project' | 'dataset'; address: string; id: number };

/** Keeps in this browser what was visited last. */
export function useRememberVisits(): void {
  const address = useAddress();
  useEffect(() => {
    if (visitOf(address) === null) return;
    const others = keptAddresses().filter((other) => other !== address);
    keep(KEY, JSON.stringify([address, ...others].slice(0, KEPT)));
  }, [address]);
}

/** What was visited last, without what is open. They stay the same while they are shown. */
export function useLastVisits(): Visit[] {
  const here = useAddress();
  const [visits] = useState(() =>
    keptAddresses().flatMap((address) => (address === here ? [] : (visitOf(address) ?? []))),
  );
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
  if (address.startsWith(modelAddress('')))
    return { kind: 'model', address, name: decodeURIComponent(address.slice(modelAddress('').length)) };
  const [, kind, id] = /^\/(job|project|dataset)s\/([1-9]\d{0,8})$/.exec(address) ?? [];
  if (kind === 'job' || kind === 'project' || kind === 'dataset') return { kind, address, id: Number(id) };
  return null;
}

function keptAddresses(): string[] {
  const addresses = keptJson(KEY);
  return Array.isArray(addresses) ? addresses.filter((address) => typeof address === 'string') : [];
}
