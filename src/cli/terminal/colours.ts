import type { WriteStream } from 'node:tty';
import pc from 'picocolors';

/** Colours for a stream: none unless it is a terminal that has them and NO_COLOR is not set, which `hasColors` goes by. */
export function coloursFor(stream: NodeJS.WriteStream & Partial<Pick<WriteStream, 'hasColors'>>) {
  return pc.createColors(stream.isTTY === true && stream.hasColors?.() === true);
}

export const colours = coloursFor(process.stdout);
