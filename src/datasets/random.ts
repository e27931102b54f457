import { createHash } from 'node:crypto';

/** Names the generator and the way of drawing with it; a change of either needs a new name, since it changes mixtures. */
export const RANDOM_VERSION = 'sfc32-sha256-1';

/**
 * Whole numbers from 0 to `below` - 1, the same for the same seed everywhere.
 * Generator: sfc32 (Chris Doty-Humphrey, PractRand), its 128 bits of state from SHA-256 of the seed, 15 rounds discarded.
 */
export function randomIntegers(seed: string): (below: number) => number {
  const digest = createHash('sha256').update(seed).digest();
  let a = digest.readUInt32LE(0);
  let b = digest.readUInt32LE(4);
  let c = digest.readUInt32LE(8);
  let d = digest.readUInt32LE(12);
  const next = () => {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + t) | 0;
    return t >>> 0;
  };
  for (let i = 0; i < 15; i++) next();
  return (below) => {
    // Numbers of the last, incomplete range would favour small results: draw again.
    const limit = 2 ** 32 - (2 ** 32 % below);
    for (;;) {
      const drawn = next();
      if (drawn < limit) return drawn % below;
    }
  };
}

/**
 * The first `count` of a random order of the whole numbers below `size` (Fisher-Yates, stopped early). Only the places
 * that were swapped are kept, so that it takes memory for `count` and not for `size`.
 */
export function sample(size: number, count: number, random: (below: number) => number): number[] {
  const swapped = new Map<number, number>();
  const drawn: number[] = [];
  for (let i = 0; i < Math.min(count, size); i++) {
    const j = i + random(size - i);
    drawn.push(swapped.get(j) ?? j);
    swapped.set(j, swapped.get(i) ?? i);
    swapped.delete(i);
  }
  return drawn;
}
