/** A name for a request: sent again under the same one it creates nothing new. Not randomUUID, which plain http has not. */
export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
