import { join } from 'node:path';
import { execa } from 'execa';
import { PROJECT_ROOT } from '../env.ts';
import { exists } from '../files.ts';
import { findSystemPython } from '../python.ts';

/** Less is not worth the wait. */
const LEAST_FREE_BYTES = 64_000_000;
/** So long nobody waits for it: it is tried again at the next start. */
const MOST_MS = 60_000;
const MB = 1_000_000;

/**
 * Gives the disk back what the local server's file has no use for any more, while no server has it open. What is not compacted stays as it is: no
 * start fails by it.
 */
export async function compactHistories(
  home: string,
  onProgress: (line: string) => void,
  { leastFreeBytes = LEAST_FREE_BYTES, mostMs = MOST_MS } = {},
): Promise<void> {
  const file = join(home, 'temporal.db');
  if (!(await exists(file))) return;
  const python = await findSystemPython().catch(() => null);
  if (!python) return;
  const hear = function* (line: unknown) {
    const [, before, unused] = /^begun (\d+) (\d+)/.exec(String(line)) ?? [];
    if (before !== undefined)
      onProgress(
        `Compacting the histories of workflows: ${inMb(unused)} of ${inMb(before)} are free. This takes ${Math.round(mostMs / 1_000)} s at most.`,
      );
    yield line;
  };
  const script = join(PROJECT_ROOT, 'temporal', 'compact.py');
  const { stdout, stderr, timedOut, exitCode } = await execa(python.command, [script, file, String(leastFreeBytes)], {
    reject: false,
    timeout: mostMs,
    killSignal: 'SIGKILL',
    stdout: hear,
  });
  const [, , after] = /^done (\d+) (\d+)/m.exec(String(stdout)) ?? [];
  if (after !== undefined) onProgress(`The histories of workflows take ${inMb(after)} now.`);
  else if (timedOut)
    onProgress('The histories of workflows were not compacted in time and are as before: the next start tries again.');
  else if (exitCode !== 0)
    onProgress(
      `The histories of workflows were not compacted (${String(stderr).trim().split('\n').at(-1)}): the file stays as it is.`,
    );
}

function inMb(bytes: string | undefined): string {
  return `${Math.ceil(Number(bytes) / MB)} MB`;
}
