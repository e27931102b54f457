import type { z } from 'zod';
import type { ApiKey } from '../../models/keys/api-key.ts';
import { isExpired } from '../../models/keys/key-ring.ts';
import { openRunsOf } from '../../models/keys/limits.ts';
import { date } from '../http/shared-schema.ts';
import type { KeySchema } from './schema.ts';

export async function presentKeys(rows: ApiKey[]): Promise<z.input<typeof KeySchema>[]> {
  const openRuns = await openRunsOf(rows.map(({ id }) => id));
  return rows.map((row) => presented(row, openRuns.get(row.id) ?? 0));
}

export async function presentKey(row: ApiKey): Promise<z.input<typeof KeySchema>> {
  const openRuns = await openRunsOf([row.id]);
  return presented(row, openRuns.get(row.id) ?? 0);
}

function presented(row: ApiKey, openRuns: number): z.input<typeof KeySchema> {
  const { id, name, role, public_part, created_by } = row;
  return {
    id,
    name,
    role,
    public_part,
    status:
      row.revoked_at !== null ? 'revoked' : isExpired({ expires_at: row.expires_at ?? null }) ? 'expired' : 'live',
    created_at: date(row.created_at),
    created_by,
    expires_at: date(row.expires_at ?? null),
    revoked_at: date(row.revoked_at ?? null),
    last_used_at: date(row.last_used_at ?? null),
    max_open_runs: row.max_open_runs ?? null,
    open_runs: openRuns,
  };
}
