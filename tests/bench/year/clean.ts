import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sizeOf } from '../../../src/platform/folder-size.ts';
import { runsDir } from '../../../src/runs/run-paths.ts';
import { processesOf, residentBytes } from '../../support/processes.ts';
import { until } from '../../support/service.ts';
import type { Side } from './side.ts';

const KINDS = ['checkpoints_of_completed_runs'];

/** What a cleaning says that it will free, what it says that it freed, and what is gone from the disk; and the memory of the API meanwhile. */
export async function clean(side: Side): Promise<void> {
  const { env } = side;
  const api = (await processesOf(env.home)).find(({ command }) => /main\.js.api/.test(command));
  if (!api) throw new Error('There is no process of the API.');
  const before = (await residentBytes(api.pid, 'now')) ?? Number.NaN;
  // From here on, VmHWM is the most that is resident.
  await writeFile(join('/proc', String(api.pid), 'clear_refs'), '5');
  const folders = await sizeOf(runsDir(env));
  await side.call('PATCH', '/config/', { retention: { checkpoints_of_completed_runs: 7 } });
  const { body: said } = await side.call('POST', '/storage/clean', { kinds: KINDS });
  const { body: done } = await side.call('POST', '/storage/clean', { kinds: KINDS, dry_run: false });
  await until('all of it to be gone', async () => {
    const { body } = await side.call('GET', '/storage');
    return body.going === 0 ? true : null;
  });
  const left = await sizeOf(runsDir(env));
  const most = (await residentBytes(api.pid, 'at most')) ?? Number.NaN;
  const items = (body: Record<string, unknown>) => (body.items as unknown[]).length;
  console.log(
    `A dry run names ${items(said)} things of ${said.bytes} bytes; a cleaning removes ${items(done)} of ${done.bytes} bytes.`,
  );
  console.log(
    `Folders of runs had ${folders.files} files of ${folders.bytes} bytes, and have ${left.files} of ${left.bytes}: ${folders.bytes - left.bytes} bytes less.`,
  );
  console.log(
    `The API had ${(before / 1e6).toFixed(0)} MB resident, and ${(most / 1e6).toFixed(0)} MB at most meanwhile.`,
  );
}
