import { type Search, type SweptName, wrongIn } from '../../models/sweeps/search.ts';
import { UserError } from '../../platform/failure.ts';
import type { NewSweep, SweptJob, SweptProject } from './new-sweep.ts';

/**
 * What no schema of a request can say.
 * @returns what its runs have in common
 * @throws UserError with the field, the value and the remedy
 */
export function requireSweepable({
  job,
  project,
  search,
  early_stop,
}: Pick<NewSweep, 'job' | 'project' | 'search' | 'early_stop'>): { job: SweptJob } | { project: SweptProject } {
  const base = oneOf(job, project);
  const [kind, common] = 'job' in base ? (['job', base.job] as const) : (['project', base.project] as const);
  const varied = variedIn(search);
  if (varied.length === 0 && search.mixtures === undefined)
    throw refused(
      'search',
      ' varies nothing. Give hyperparameters with the values to try, such as {"learning_rate": [0.0001, 0.0002]}, or mixtures of a project.',
    );
  for (const [name, values] of varied) {
    if (name in common)
      throw refused(`${kind}.${name}`, ' is in search.hyperparameters as well. Leave it out of one of them.');
    const wrong = Array.isArray(values) ? undefined : wrongIn(name, values);
    if (wrong !== undefined) throw refused(`search.hyperparameters.${name}`, wrong);
  }
  if (common.training_type === 'rag')
    throw refused(`${kind}.training_type`, ' is rag, which has no held-out loss to compare. Choose another one.');
  if ('project' in base) requireMixtures(base.project, search);
  else if (search.mixtures !== undefined)
    throw refused('search.mixtures', ' is of a project, and a job has one dataset. Give project in place of job.');
  requireRungs(early_stop?.rungs ?? [], kind, common);
  return base;
}

function oneOf(job?: SweptJob, project?: SweptProject): { job: SweptJob } | { project: SweptProject } {
  if (job !== undefined && project !== undefined)
    throw refused('project', ' is given beside job. A sweep is of one of them: leave the other one out.');
  if (job !== undefined) return { job };
  if (project !== undefined) return { project };
  throw refused('job', ' is missing. Give what all runs have in common: job, as POST /jobs/ takes it, or project.');
}

function requireMixtures({ traits, mixing }: SweptProject, { mixtures }: Search): void {
  if (mixtures === undefined) {
    if (traits === undefined)
      throw refused('project.traits', ' is missing. Give it, or mixtures to try in search.mixtures.');
    return;
  }
  if (traits !== undefined)
    throw refused('project.traits', ' is given, and search.mixtures has traits as well. Leave one of them out.');
  if (mixing?.held_out === 'by_share')
    throw refused(
      'project.mixing.held_out',
      ' is "by_share": other rows would be held out of each mixture, and their losses would not compare. Leave it out, or choose "fixed".',
    );
}

/** Runs are compared where they are measured, and before they end. */
function requireRungs(
  rungs: number[],
  kind: 'job' | 'project',
  { max_steps, eval_steps }: Pick<SweptJob, 'max_steps' | 'eval_steps'>,
): void {
  const field = 'early_stop.rungs';
  const late = rungs.find((step, index) => step <= (rungs[index - 1] ?? 0));
  if (late !== undefined) throw refused(field, ` has step ${late} behind a later one. Give steps that rise.`);
  const last = rungs.at(-1) ?? 0;
  if (max_steps !== undefined && last >= max_steps)
    throw refused(field, ` has step ${last}, and ${kind}.max_steps is ${max_steps}. Give steps before it.`);
  if (eval_steps === undefined) return;
  const missed = rungs.find((step) => eval_steps === 0 || step % eval_steps !== 0);
  if (missed !== undefined)
    throw refused(
      field,
      ` has step ${missed}, and ${kind}.eval_steps is ${eval_steps}: the held-out loss is not measured there. Give steps that eval_steps divides, or leave eval_steps out.`,
    );
}

function variedIn({ hyperparameters = {} }: Search) {
  return Object.entries(hyperparameters).flatMap(([name, values]) =>
    values === undefined ? [] : [[name as SweptName, values] as const],
  );
}

function refused(field: string, rest: string): UserError {
  return new UserError(`${field}${rest}`, { field });
}
