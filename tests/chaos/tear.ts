import { open, readdir, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';

/** Directories of checkpoints with a manifest, newest first. */
export async function completeCheckpoints(root: string): Promise<string[]> {
  const found = await readdir(root, { recursive: true }).catch(() => []);
  return found
    .flatMap((path) => {
      const [, directory, epoch, step] = /^(e(\d+)\/checkpoint-(\d+))\/manifest\.json$/.exec(path) ?? [];
      return directory ? [{ path: join(root, directory), epoch: Number(epoch), step: Number(step) }] : [];
    })
    .sort((a, b) => b.epoch - a.epoch || b.step - a.step)
    .map(({ path }) => path);
}

/** As a disk that lied, or a hand that slipped: one file of the checkpoint is not what was saved. */
export async function tear(checkpoint: string, dice: number): Promise<void> {
  const names = (await readdir(checkpoint)).sort();
  const path = join(checkpoint, names[dice % names.length] ?? 'manifest.json');
  const { size } = await stat(path);
  const ways = [
    async () => await truncate(path, Math.floor(size / 2)),
    async () => await rm(path),
    async () => {
      const file = await open(path, 'r+');
      const place = Math.floor(size / 3);
      const byte = Buffer.alloc(1);
      await file.read(byte, 0, 1, place);
      byte.writeUInt8((byte.readUInt8() ^ 0xff) & 0xff);
      await file.write(byte, 0, 1, place);
      await file.close();
    },
  ];
  await ways[Math.floor(dice / 100) % ways.length]?.();
}
