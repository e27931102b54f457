import { progressOf } from '../api/runs.ts';
import { CommandFailure } from '../exit-codes.ts';
import type { Session } from '../session.ts';
import { isEnded, phaseText } from './progress-text.ts';
import { type RunName, textOf } from './run-name.ts';

/** Why a run has no model, or none yet; null where it completed. @throws CommandFailure where there is no such run */
export async function withoutModel({ client }: Session, name: RunName): Promise<CommandFailure | null> {
  const run = await progressOf(client, name);
  const text = textOf(name);
  if (run.status === 'completed') return null;
  if (isEnded(run))
    return new CommandFailure(
      [`${text} has no model: its run ${run.status === 'failed' ? 'failed' : 'was cancelled'}.`, run.error_message]
        .filter(Boolean)
        .join(' '),
    );
  return new CommandFailure(
    `${text} has no model yet: ${phaseText(run.phase)}. \`mtm run watch ${text}\` shows when it has.`,
  );
}
