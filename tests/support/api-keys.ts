import assert from 'node:assert/strict';
import { ApiKey } from '../../src/models/keys/api-key.ts';
import { newKey } from '../../src/platform/key-text.ts';
import type { ApiOnly } from './api.ts';

export interface MadeKey {
  id: number;
  key: string;
  headers: { Authorization: string };
}

/** Makes a key through the API. @param by the headers of an admin; none while the service has no keys */
export async function makeKey(
  api: Pick<ApiOnly, 'call'>,
  wanted: { name: string; role: string; expires_at?: string },
  by: Record<string, string> = {},
): Promise<MadeKey> {
  const { status, body } = await api.call('POST', '/keys/', wanted, by);
  assert.equal(status, 201, JSON.stringify(body));
  const key = String(body.key);
  return { id: Number(body.id), key, headers: bearer(key) };
}

export function bearer(key: string): { Authorization: string } {
  return { Authorization: `Bearer ${key}` };
}

/** One key of each role, and those that open nothing. The service has none before. */
export async function makeKeysOfAllKinds(api: Pick<ApiOnly, 'call'>) {
  const admin = await makeKey(api, { name: 'admin', role: 'admin' });
  const make = (name: string, role: string) => makeKey(api, { name, role }, admin.headers);
  const [viewer, trainer, expired, revoked] = [
    await make('viewer', 'viewer'),
    await make('trainer', 'trainer'),
    await make('expired', 'admin'),
    await make('revoked', 'admin'),
  ];
  await ApiKey.update({ expires_at: new Date(Date.now() - 1_000) }, { where: { id: expired.id } });
  // The answer comes after this process knows of it, and of what was written before.
  assert.equal((await api.call('DELETE', `/keys/${revoked.id}`, undefined, admin.headers)).status, 204);
  const { key } = newKey();
  return { viewer, trainer, admin, expired, revoked, unknown: { id: 0, key, headers: bearer(key) } };
}
