import { readFile } from 'node:fs/promises';

export const MIB = 1024 ** 2;

/** What processes of this machine may still take of its memory. */
export async function freeBytes(): Promise<number> {
  const [, kib] = /^MemAvailable:\s+(\d+) kB$/m.exec(await readFile('/proc/meminfo', 'utf8')) ?? [];
  return Number(kib) * 1024;
}
