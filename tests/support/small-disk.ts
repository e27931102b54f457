import { execa } from 'execa';

/**
 * Does `work` while `directory` is a disk of its own, of `size` (as mount takes it: 600k, 4m). Where there is no right to
 * mount one, the run says so and the test ends.
 */
export async function onSmallDisk(
  directory: string,
  size: string,
  work: (grow: (size: string) => Promise<unknown>) => Promise<void>,
): Promise<void> {
  const mounted = await execa('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', directory], { reject: false });
  if (mounted.failed) {
    console.log(`      not tried: a full disk needs the right to mount one (${mounted.shortMessage})`);
    return;
  }
  try {
    await work((larger) => execa('mount', ['-o', `remount,size=${larger}`, directory]));
  } finally {
    await execa('umount', [directory]);
  }
}
