import { type LookupAddress, lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

/** Of clouds: addresses of the machine's own platform that look like any other. */
const PLATFORMS = ['168.63.129.16'];

/** An address that nobody in the internet has for all: of this machine, of its network, or of its cloud. */
export class PrivateAddressError extends Error {}

/** What kind of address it is, where it is not one of the internet; null where it is, or is no address at all. */
export function privateKindOf(text: string): string | null {
  const address = text.replace(/^\[|\]$/g, '');
  if (!ipaddr.isValid(address)) return null;
  // An IPv4 address that is written as one of IPv6 leads to where the IPv4 address does.
  const meant = ipaddr.process(address);
  if (PLATFORMS.includes(meant.toString())) return 'platform';
  const range = meant.range();
  return range === 'unicast' ? null : range;
}

/**
 * Looks a name up as `net.connect` does, and fails where it leads to an address that is not public. What is connected to is what was
 * checked: a name that leads elsewhere the next time leads to nothing.
 */
export const lookupPublic: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    if (error) return callback(error, []);
    for (const { address } of addresses) {
      const kind = privateKindOf(address);
      if (kind !== null) return callback(new PrivateAddressError(sentenceOf(hostname, address, kind)), []);
    }
    callback(null, addresses);
  });
};

/** @throws PrivateAddressError for a host that is itself an address, which nobody looks up */
export function requirePublic(hostname: string): void {
  const kind = privateKindOf(hostname);
  if (kind !== null) throw new PrivateAddressError(sentenceOf(hostname, hostname, kind));
}

function sentenceOf(hostname: string, address: string, kind: string): string {
  const leads = hostname === address ? `${address} is` : `${hostname} leads to ${address}, which is`;
  return `${leads} no public address (${kind}). Nothing was sent there: MTM_WEBHOOKS_ALLOW_PRIVATE=true allows such addresses.`;
}
