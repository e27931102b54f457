import { requireRestored } from '../commands/backups/restoring.ts';
import { migrate } from '../models/migrate.ts';
import type { Env } from '../platform/env.ts';
import { requireDatabaseUrl } from '../platform/postgres/database-url.ts';
import { keepIdsUnique } from '../runs/ids-on-disk.ts';

/** `mtm migrate`: the schema of the database and, where an outside one is named, the Temporal. Both may be done again. */
export async function main(env: Env): Promise<void> {
  await requireRestored(env.home);
  const applied = await migrate(requireDatabaseUrl(env));
  for (const sentence of await keepIdsUnique(requireDatabaseUrl(env), env.home)) console.log(sentence);
  console.log(applied.length > 0 ? `Applied: ${applied.join(', ')}` : 'The schema is up to date.');
  if (!env.temporalAddress) return;
  const { setUpOutsideTemporal } = await import('../platform/temporal/set-up.ts');
  await setUpOutsideTemporal(env, (sentence) => console.log(sentence));
  console.log(`Temporal's namespace ${env.temporalNamespace} is set up.`);
}
