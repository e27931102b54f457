import { ApplicationFailure, Context } from '@temporalio/activity';
import type { Env } from '../../platform/env.ts';
import { isDiskFull } from '../../platform/files.ts';
import { FAILURE_TYPES } from '../../workflows/contract.ts';
import { biggestThings } from '../storage/measure.ts';
import { removeDue, type Told } from '../storage/remove-due.ts';

const SENTENCE = 'The disk is full. Make room: the run goes on by itself from where it was once there is some.';
const NAMED_THINGS = 3;

/** What to tell the user when the trainer, or this process itself, found the disk full; else null. */
export function noRoomIn(error: unknown): string | null {
  if (error instanceof ApplicationFailure && error.type === FAILURE_TYPES.diskFull) return error.message;
  return isDiskFull(error) ? SENTENCE : null;
}

/**
 * Removes what the policy removes in any case, now instead of at its next pass, and nothing that is not due.
 * @returns what came of it, and what would help most, as the end of the sentence for the user
 */
export async function makeRoom(env: Env): Promise<string> {
  const { log } = Context.current();
  const told: Told = {
    info: (about, sentence) => log.info(sentence, { ...about }),
    warn: (about, sentence) => log.warn(sentence, { ...about }),
  };
  try {
    const freed = await removeDue(env, told);
    const biggest = await biggestThings(NAMED_THINGS);
    const first =
      freed > 0 ? `The policies for storage removed ${inWords(freed)} that were due.` : 'No policy had anything due.';
    if (biggest.length === 0) return first;
    return `${first} Most room is taken by: ${biggest.map(({ name, bytes }) => `${name} (${inWords(bytes)})`).join(', ')}.`;
  } catch (err) {
    // The run pauses all the same: a disk without room keeps a database from its work as well.
    log.warn('Room could not be made.', { err });
    return 'The policies for storage could not be applied.';
  }
}

function inWords(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`;
  return bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${bytes} bytes`;
}
