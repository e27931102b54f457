/** So many runs are compared at most: of more, nobody tells the lines apart. */
export const MOST_COMPARED = 8;

/** A run that is to be compared: the latest of a job or project, or the one with a number. */
export interface ChosenRun {
  kind: 'job' | 'project';
  id: number;
  number: number | null;
}

const WRITTEN = /^(job|project)-([1-9]\d{0,9})(?:\.([1-9]\d{0,6}))?$/;

/** As it stands in the address: `job-3`, or `job-3.2` for its second run. */
export function writtenAs({ kind, id, number }: ChosenRun): string {
  return `${kind}-${id}${number === null ? '' : `.${number}`}`;
}

/** The runs that an address names, and a sentence for each part of it that names none, or one that was named before. */
export function chosenIn(text: string): { runs: ChosenRun[]; problems: string[] } {
  const runs: ChosenRun[] = [];
  const problems: string[] = [];
  const named = new Set<string>();
  for (const part of text.split(',').map((each) => each.trim())) {
    if (part === '') continue;
    const [, kind, id, number] = WRITTEN.exec(part) ?? [];
    if (kind === undefined)
      problems.push(`“${part}” names no run. Write job-3 or project-4, or job-3.2 for the second run of job 3.`);
    else if (named.has(part)) problems.push(`${part} is named more than once. It is shown once.`);
    else {
      named.add(part);
      runs.push({ kind: kind === 'job' ? 'job' : 'project', id: Number(id), number: number ? Number(number) : null });
    }
  }
  return { runs, problems };
}

/** What is wrong with so many runs for a comparison; null: nothing. */
export function problemOf(runs: ChosenRun[]): string | null {
  if (runs.length > MOST_COMPARED) {
    const rest = runs.slice(MOST_COMPARED).map(writtenAs);
    return `At most ${MOST_COMPARED} runs are compared at once. Left out: ${rest.join(', ')}.`;
  }
  if (runs.length < 2) return 'A comparison needs at least two runs.';
  return null;
}

/** Where these are compared. */
export function comparisonOf(runs: ChosenRun[]): string {
  return `/compare?runs=${runs.map(writtenAs).join(',')}`;
}
