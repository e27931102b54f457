import { ApplicationFailure } from '@temporalio/activity';
import { isDiskFull } from '../../platform/files.ts';
import { FAILURE_TYPES } from '../../workflows/contract.ts';

const SENTENCE = 'The disk is full. Make room: the run goes on by itself from where it was once there is some.';

/** What to tell the user when the trainer, or this process itself, found the disk full; else null. */
export function noRoomIn(error: unknown): string | null {
  if (error instanceof ApplicationFailure && error.type === FAILURE_TYPES.diskFull) return error.message;
  return isDiskFull(error) ? SENTENCE : null;
}
