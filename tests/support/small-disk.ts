import { statfs } from 'node:fs/promises';
import { execa } from 'execa';
import { until } from './service.ts';

/** A disk of its own in a directory, which can become full. */
export interface SmallDisk {
  /** Gives it another size, as mount takes it: 600k, 4m. */
  resize(size: string): Promise<void>;
  /** Makes it as small as what is on it. */
  fill(): Promise<void>;
  /** Refused while a file on it is open for writing. */
  setReadOnly(readOnly: boolean): Promise<void>;
  unmount(): Promise<void>;
}

/** Mounts one over `directory`; null where there is no right to, which `why` is told. */
export async function mountSmallDisk(
  directory: string,
  size: string,
  why: (sentence: string) => void,
): Promise<SmallDisk | null> {
  const mounted = await execa('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', directory], { reject: false });
  if (mounted.failed) {
    why(`a full disk needs the right to mount one (${mounted.shortMessage})`);
    return null;
  }
  return {
    resize: async (other) => void (await execa('mount', ['-o', `remount,size=${other}`, directory])),
    fill: async () => {
      // Refused when more was written since we looked.
      await until(`${directory} to be full`, async () => {
        const { blocks, bfree, bsize } = await statfs(directory);
        const { failed } = await execa('mount', ['-o', `remount,size=${(blocks - bfree) * bsize}`, directory], {
          reject: false,
        });
        return failed ? null : true;
      });
    },
    setReadOnly: async (readOnly) =>
      void (await execa('mount', ['-o', `remount,${readOnly ? 'ro' : 'rw'}`, directory])),
    // What uses it still may need a moment to end: the directory is free at once, the disk when nobody uses it.
    unmount: async () => void (await execa('umount', ['--lazy', directory])),
  };
}

/**
 * Does `work` while `directory` is a disk of its own, of `size` (as mount takes it: 600k, 4m). Where there is no right to
 * mount one, the run says so and the test ends.
 */
export async function onSmallDisk(
  directory: string,
  size: string,
  work: (disk: SmallDisk) => Promise<void>,
): Promise<void> {
  const disk = await mountSmallDisk(directory, size, (sentence) => console.log(`      not tried: ${sentence}`));
  if (!disk) return;
  try {
    await work(disk);
  } finally {
    await disk.unmount();
  }
}
