import { readFile } from 'node:fs/promises';
import { execa } from 'execa';
import { errnoOf } from './files.ts';

/**
 * When the kernel says that a process began, or null when there is none. A pid with its start names a process for good;
 * a pid alone may have been given to another one. A zombie counts as gone.
 */
export async function processStart(pid: number): Promise<string | null> {
  if (process.platform === 'linux') {
    const stat = await readProc(`/proc/${pid}/stat`);
    if (stat === null) return null;
    // The name in parentheses may hold anything; the fields after it are fixed: state is the 3rd, start the 22nd (proc(5)).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? null);
  }
  const { stdout, exitCode } = await execa('ps', ['-o', 'state=,lstart=', '-p', String(pid)], {
    reject: false,
    // The date is written in the language of whoever asks.
    env: { LC_ALL: 'C' },
  });
  if (exitCode !== 0 || stdout.trim().startsWith('Z')) return null;
  return stdout.trim().replace(/^\S+\s+/, '');
}

/** The command line of a process, or an empty text when there is none. */
export async function commandLine(pid: number): Promise<string> {
  if (process.platform === 'linux') {
    const text = await readProc(`/proc/${pid}/cmdline`);
    return (text ?? '').replaceAll('\0', ' ');
  }
  const { stdout } = await execa('ps', ['-o', 'command=', '-p', String(pid)], { reject: false });
  return stdout;
}

/** A file of /proc; null where its process has ended, before it was opened (ENOENT) or while it was read (ESRCH). */
async function readProc(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(errnoOf(error) ?? '')) return null;
    throw error;
  }
}
