import { forgetFigures } from '../../activities/storage/measure.ts';
import { connection } from '../../models/runs/run.ts';
import { type Retention, STORAGE_KINDS } from '../../models/storage/retention.ts';

/** Changes for how long some kinds are kept; the others stay as they are. What the policies free is measured anew. */
export async function changeRetention(chosen: Partial<Retention>): Promise<void> {
  await connection().query('UPDATE training_config SET retention = retention || $chosen::jsonb, updated_at = now()', {
    bind: { chosen: JSON.stringify(chosen) },
  });
  await forgetFigures(STORAGE_KINDS);
}
