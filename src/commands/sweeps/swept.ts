import type { AskedQueue } from '../../models/runs/queue-choices.ts';
import type { Search, SweepSettings } from '../../models/sweeps/search.ts';
import type { EarlyStop } from '../../models/sweeps/sweep.ts';
import { UserError } from '../../platform/failure.ts';
import type { NewJob } from '../jobs/create-job.ts';
import type { NewProject } from '../projects/create-project.ts';
import { type Combinations, combinationsOf, settingsText } from './combinations.ts';
import { mixturesOf } from './mixtures.ts';
import type { NewSweep, SweptJob, SweptProject } from './new-sweep.ts';
import { requireSweepable } from './require-sweepable.ts';

/** What each run of a sweep is to be, in the order in which they begin. */
export interface Swept extends Pick<Combinations, 'duplicatesDropped'> {
  /** As it was asked for, with eval_steps. */
  base: { job: SweptJob } | { project: SweptProject };
  runs: SweptRun[];
}

export type SweptRun = { name: string; settings: SweepSettings } & (
  | { kind: 'job'; body: NewJob }
  | {
      kind: 'project';
      body: Omit<NewProject, 'output_directory'> & Pick<SweptProject, 'force' | 'download' | keyof AskedQueue>;
    }
);

const LONGEST_NAME = 255;

/** @throws UserError that names the field; not yet for a combination which no job or project may have */
export function sweptOf({ name, job, project, search, early_stop = null }: NewSweep): Swept {
  const base = requireSweepable({ job, project, search, early_stop });
  const { settings, duplicatesDropped } = combinationsOf(search);
  if ('job' in base) {
    const common = withEvaluations(base.job, early_stop);
    const runs = settings.map(({ mixture: _, ...varied }, index) => {
      const own = nameOfRun(common.name ?? name, index, varied);
      return { kind: 'job' as const, name: own, settings: varied, body: { ...common, ...varied, name: own } };
    });
    return { base: { job: common }, runs, duplicatesDropped };
  }
  const common = withEvaluations(base.project, early_stop);
  const own = projectsOf(common, search);
  const runs = settings.map((varied, index) => {
    const named = nameOfRun(common.name ?? name, index, varied);
    return { kind: 'project' as const, name: named, settings: varied, body: { ...own(varied), name: named } };
  });
  return { base: { project: common }, runs, duplicatesDropped };
}

/** The project with the settings of a run. Of mixtures the same rows are held out, whatever their shares. */
function projectsOf(project: SweptProject, search: Search) {
  const { output_directory: _, mixing, traits = [], ...common } = project;
  const mixtures = mixturesOf(search);
  return ({ mixture, ...varied }: SweepSettings) => {
    const chosen = mixture === undefined ? undefined : mixtures.get(mixture);
    if (chosen === undefined) return { ...common, ...varied, mixing, traits };
    return { ...common, ...varied, mixing: { ...mixing, held_out: 'fixed' as const }, traits: chosen };
  };
}

/** So that they are measured at each rung, and the job trained alone is measured where they are. */
function withEvaluations<Of extends { eval_steps?: number | undefined }>(of: Of, earlyStop: EarlyStop | null): Of {
  return earlyStop === null ? of : { eval_steps: earlyStop.rungs.reduce(greatestCommonDivisor), ...of };
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

function nameOfRun(name: string, index: number, settings: SweepSettings): string {
  return [...`${name} ${index + 1}: ${settingsText(settings)}`].slice(0, LONGEST_NAME).join('');
}

/** Whether a refusal is of one combination: what is not there is missing for all of them. */
export function isOfCombination(error: unknown): error is UserError {
  return error instanceof UserError && error.constructor === UserError;
}

/** What a job or project may not have is said with the combination that has it. */
export async function namingCombination<T>(
  index: number,
  { settings }: Pick<SweptRun, 'settings'>,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isOfCombination(error)) throw error;
    const { message, field, code } = error;
    throw new UserError(`Combination ${index + 1} (${settingsText(settings)}): ${message}`, {
      field,
      code,
      cause: error,
    });
  }
}
