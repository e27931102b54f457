import { createHash, randomUUID } from 'node:crypto';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { MixtureSpec } from '../datasets/chosen-rows.ts';
import { READING_VERSION } from '../datasets/conversation-files.ts';
import type { DataProcessOptions } from '../datasets/data-process.ts';
import { MIXING_VERSION } from '../datasets/mixing-rule.ts';
import { isWholeMixture } from '../datasets/mixture.ts';
import { RANDOM_VERSION } from '../datasets/random.ts';
import { writeMixture } from '../datasets/write-mixture.ts';
import type { Env } from '../platform/env.ts';
import { exists, ifThere } from '../platform/files.ts';

/** Mixtures by what they are made from: runs of the same rows have the same files, and each is made once. */
export function mixturesDir({ home }: Pick<Env, 'home'>): string {
  return join(home, 'mixtures');
}

/** Those that are being made by this process. */
const underWay = new Map<string, Promise<unknown>>();

/**
 * Where a mixture of these rows lies, which is made first where there is none.
 * @throws DatasetError; NoRoomError; the reason of the signal
 */
export async function mixtureOf(
  env: Pick<Env, 'home'>,
  spec: MixtureSpec,
  options: DataProcessOptions = {},
): Promise<string> {
  const dir = join(mixturesDir(env), keyOf(spec));
  for (;;) {
    // In this order: one appears as a whole, so what was there before and is not whole is damaged.
    const isThere = await exists(dir);
    if (await isWholeMixture(dir)) return dir;
    // From here to its entry in `underWay` nothing may wait, or several would make it.
    const other = underWay.get(dir);
    // Whoever makes it may be cancelled: then it is our turn.
    if (other) await other.catch(() => {});
    else if (isThere) await ifThere(rename(dir, `${dir}.damaged-${randomUUID()}`));
    else await make(dir, spec, options);
  }
}

async function make(dir: string, spec: MixtureSpec, options: DataProcessOptions): Promise<void> {
  const making = writeMixture({ ...spec, dir }, options);
  underWay.set(dir, making);
  try {
    await making;
  } finally {
    underWay.delete(dir);
  }
}

/** Everything that decides the bytes of a mixture. */
function keyOf({ datasets, seed, similarRows, choices }: MixtureSpec): string {
  const sources = datasets.map(({ id, sha256, mapping, filters }) => ({ id, sha256, mapping, filters }));
  const all = {
    reading: READING_VERSION,
    mixing: MIXING_VERSION,
    random: RANDOM_VERSION,
    seed,
    similarRows,
    choices,
    datasets: sources,
  };
  return createHash('sha256').update(JSON.stringify(all)).digest('hex').slice(0, 32);
}
