import { readdir } from 'node:fs/promises';

/**
 * The highest epoch of a claim that a trainer was started under, as its files tell; 0 when there is none. A database that
 * is an older copy of itself knows only of earlier ones: the next claim must come after all of them.
 * @param runDir the run's folder, where each trainer's run file is `<task>-e<epoch>.json`
 */
export async function lastClaimOnDisk(runDir: string): Promise<number> {
  const names = await readdir(runDir).catch(() => []);
  return Math.max(0, ...names.flatMap((name) => Number(/-e(\d+)\.json$/.exec(name)?.[1] ?? [])));
}
