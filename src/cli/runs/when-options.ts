import { type Command, InvalidArgumentError, Option } from 'commander';
import type { QueueChange } from '../api/types.ts';
import { runNameIn } from './run-name.ts';

/** Takes away what was said before. Commander takes null for an empty text. */
export const NONE = 'none';
const PRIORITIES = ['high', 'normal', 'low'];
const TIME = 'a time with its zone: 2030-01-31T22:00:00+01:00';

/** `--priority` and `--not-before`, which commands have that take no settings of a job. */
export function addWhen(command: Command): Command {
  return addAfter(
    command
      .addOption(new Option('--priority <priority>', 'before all that wait with a lower one').choices(PRIORITIES))
      .option('--not-before <time>', `not earlier; ${TIME}`),
  );
}

/** `--after job-1`: it has no form of its own in the options that come from the document. */
export function addAfter(command: Command): Command {
  return command.option('--after <id>', 'once the latest run of this is completed: job-1, project-2', afterIn);
}

/** The same of a run that is there already, for which it can be taken back. */
export function addChanges(command: Command): Command {
  return command
    .addOption(new Option('--priority <priority>', 'before all that wait with a lower one').choices(PRIORITIES))
    .option('--front', 'before all others of its priority')
    .option('--not-before <time>', `not earlier, or none; ${TIME}`)
    .option('--after <id>', 'once the latest run of this is completed, or none: job-1, project-2', (text) =>
      text === NONE ? NONE : afterIn(text),
    );
}

/** @throws InvalidArgumentError */
export function afterIn(text: string): NonNullable<QueueChange['after']> {
  const name = runNameIn(text);
  if (name === null || name.run !== undefined) throw new InvalidArgumentError('Give job-1 or project-2.');
  return name.kind === 'job' ? { job_id: name.id } : { project_id: name.id };
}
