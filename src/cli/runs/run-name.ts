import { InvalidArgumentError } from 'commander';

/** What has runs, and one of its runs where that is named; else the latest. */
export interface RunName {
  kind: 'job' | 'project';
  id: number;
  run?: number;
}

/** Its forms, in a word of help. */
export const ID = 'job-1, project-2, or a run of one as job-1-run-3';
/** Behind the names of commands that do something with one: those that have it share a line of the overview. */
export const OF_A_RUN = 'the run of an ID: job-1, project-2';

const FORM = /^(job|project)-(\d{1,9})(?:-run-(\d{1,7}))?$/;

/** Reads `job-1`, `project-2` or `job-1-run-3`, an argument of a command. @throws InvalidArgumentError for any other text */
export function runNameOf(text: string): RunName {
  const name = runNameIn(text);
  if (name === null)
    throw new InvalidArgumentError('Give job-1, project-2, or a run of one as job-1-run-3; `mtm status` lists them.');
  return name;
}

/** The same; null for any other text. */
export function runNameIn(text: string): RunName | null {
  const [, kind, id, run] = FORM.exec(text) ?? [];
  if ((kind !== 'job' && kind !== 'project') || id === undefined) return null;
  return { kind, id: Number(id), ...(run === undefined ? {} : { run: Number(run) }) };
}

export function textOf({ kind, id, run }: RunName): string {
  return `${kind}-${id}${run === undefined ? '' : `-run-${run}`}`;
}
