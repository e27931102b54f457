import { randomUUID } from 'node:crypto';
import { beginAudited, endAudited } from '../models/audit/audit.ts';
import { failureOf } from '../platform/failure-of.ts';

interface LocalChange {
  /** As it is typed: `mtm key add --local`. */
  command: string;
  kind: string;
  id: string | null;
  changes: string;
}

/** As the API has what it changes in the audit list, for a command that goes past it: the row is there before the change is. */
export async function auditedLocally<T extends { id: number; name?: string | undefined }>(
  { command, kind, id: entity_id, changes }: LocalChange,
  work: () => Promise<T>,
): Promise<T> {
  const row = {
    ...{ key_id: null, key_name: LOCALLY, role: null, address: LOCALLY },
    ...{ method: 'mtm', route: command, entity_kind: kind, entity_id, changes },
    ...{ request_id: `local_${randomUUID()}`, status: null },
  };
  const id = await beginAudited(row, null);
  const end = { id, replayed: false };
  try {
    const done = await work();
    await endAudited({ ...end, status: 200, entity_id: String(done.id), entity_name: done.name ?? null }, null);
    return done;
  } catch (error) {
    const status = failureOf(error).kind === 'user' ? 400 : 500;
    await endAudited({ ...end, status, entity_id: null, entity_name: null }, null);
    throw error;
  }
}

/** Whoever has access to the machine; no key has such a name. */
const LOCALLY = '(local)';
