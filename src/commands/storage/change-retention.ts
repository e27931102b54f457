import { forgetFigures } from '../../activities/storage/measure.ts';
import { connection } from '../../models/runs/run.ts';
import { type Retention, STORAGE_KINDS } from '../../models/storage/retention.ts';
import type { Env } from '../../platform/env.ts';
import { UserError } from '../../platform/failure.ts';

/**
 * Asked before anything is changed.
 * @throws UserError where the audit list would be kept for less time than whoever has the machine wants
 */
export function requireAuditKept({ audit }: Partial<Retention>, { keepAuditDays }: Pick<Env, 'keepAuditDays'>): void {
  if (audit === undefined || audit === null || audit >= keepAuditDays) return;
  throw new UserError(
    `retention.audit is ${audit} days, and MTM_KEEP_AUDIT_DAYS keeps the list of who did what for ${keepAuditDays}. Send as many days or more, or null for ever; for less, lower MTM_KEEP_AUDIT_DAYS on the machine.`,
  );
}

/** Changes for how long some kinds are kept; the others stay as they are. What the policies free is measured anew. */
export async function changeRetention(chosen: Partial<Retention>): Promise<void> {
  await connection().query('UPDATE training_config SET retention = retention || $chosen::jsonb, updated_at = now()', {
    bind: { chosen: JSON.stringify(chosen) },
  });
  await forgetFigures(STORAGE_KINDS);
}
