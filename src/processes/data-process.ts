/** A process that does one piece of work on data after another, and says how each ended. See data-process.ts. */

import type { Assignment, Outcome, Said } from '../datasets/data-process.ts';
import { TASKS } from '../datasets/data-tasks.ts';
import { DatasetError } from '../datasets/dataset-error.ts';
import { fileThatIsGone, isOutOfMemory } from '../datasets/duckdb.ts';
import { isDiskFull } from '../platform/files.ts';

const LOOK_AT_MEMORY_EVERY_MS = 100;

function say(said: Said): Promise<void> {
  return new Promise((resolve) => {
    if (process.send) process.send(said, () => resolve());
    else resolve();
  });
}

function tell(outcome: Outcome): Promise<void> {
  return say({ outcome, residentBytes: process.memoryUsage.rss() });
}

async function work({ task, request, mostResidentBytes }: Assignment): Promise<Outcome> {
  // For a sentence in time: the kernel's limit, which is higher, ends what has no time to look.
  const looking = setInterval(() => {
    if (process.memoryUsage.rss() < mostResidentBytes) return;
    void tell({ tooMuchMemory: true }).then(() => process.exit(1));
  }, LOOK_AT_MEMORY_EVERY_MS);
  try {
    const run = (await TASKS[task]()) as (request: unknown, onProgress: (percent: number) => void) => Promise<unknown>;
    return { ok: await run(request, (progressPercent) => void say({ progressPercent })) };
  } catch (error) {
    if (error instanceof DatasetError) return { refused: error.message };
    const gone = fileThatIsGone(error);
    if (gone !== null)
      return {
        refused: `The file of a dataset (${gone}) is gone. Put it back from a backup, or upload the dataset again.`,
      };
    if (isOutOfMemory(error)) return { tooMuchMemory: true };
    if (isDiskFull(error)) return { noRoom: String(error) };
    console.error(error);
    return { failed: String(error) };
  } finally {
    clearInterval(looking);
  }
}

if (process.send) {
  process.on('message', (assignment: Assignment) => void work(assignment).then(tell));
  process.once('disconnect', () => process.exit(1));
}
