import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../support/service.ts';
import type { Target } from './faults.ts';
import type { Strike } from './strikes.ts';

/**
 * A folder that the run writes to is moved away, and a link to elsewhere is in its place. Nothing may be written or removed
 * there, and the run ends with a sentence.
 */
export async function putLink(target: Target): Promise<Strike | null> {
  const { world, run, dice } = target;
  const seen = world.watch.seen(run.runId);
  const [row] = await world.query<{ dir: string }>(`SELECT spec->>'output_directory' AS dir FROM runs WHERE id = $1`, [
    run.runId,
  ]);
  if (!seen || !row) return null;
  const own = join(world.service.env.home, 'runs', String(run.runId));
  // A project's output directory is that of others as well.
  const folders = run.owner === 'job' ? [row.dir, own, join(own, 'checkpoints')] : [own, join(own, 'checkpoints')];
  const folder = folders[dice % folders.length] ?? own;
  const elsewhere = join(world.elsewhere, randomUUID());
  return {
    inject: async () => {
      await mkdir(elsewhere, { recursive: true });
      await writeFile(join(elsewhere, 'precious'), 'keep');
      await mkdir(folder, { recursive: true });
      await rename(folder, `${folder}.moved`);
      // The run may have made another one in between.
      await until(`a link at ${folder}`, async () => {
        await rm(folder, { recursive: true, force: true });
        return await symlink(elsewhere, folder).then(
          () => true,
          () => null,
        );
      });
      world.mayFail.set(run.runId, { because: /\blink|leads to|outside the allowed/, elsewhere, link: folder });
    },
    heal: async () => {},
  };
}

/** What lies where a link led that is not what was put there. */
export async function writtenElsewhere(elsewhere: string): Promise<string[]> {
  const names = await readdir(elsewhere, { recursive: true });
  return names.length === 1 && names[0] === 'precious' ? [] : names;
}

/** Puts the folder back. */
export async function removeLink({ link, elsewhere }: { link: string; elsewhere: string }): Promise<void> {
  await rm(link, { force: true });
  await rename(`${link}.moved`, link);
  await rm(elsewhere, { recursive: true, force: true });
}
