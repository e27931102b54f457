import type { z } from 'zod';
import type { ApiKey } from '../../models/keys/api-key.ts';
import { isExpired } from '../../models/keys/key-ring.ts';
import { date } from '../http/shared-schema.ts';
import type { KeySchema } from './schema.ts';

export function presentKey(row: ApiKey): z.input<typeof KeySchema> {
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
  };
}
