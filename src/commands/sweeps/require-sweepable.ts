import { type Search, type SweptName, wrongIn } from '../../models/sweeps/search.ts';
import { UserError } from '../../platform/failure.ts';
import type { NewSweep } from './new-sweep.ts';

/** What no schema of a request can say. @throws UserError with the field, the value and the remedy */
export function requireSweepable({ job, search, early_stop }: Pick<NewSweep, 'job' | 'search' | 'early_stop'>): void {
  for (const [name, values] of variedIn(search)) {
    if (name in job)
      throw refused(`job.${name}`, ` is in search.hyperparameters as well. Leave it out of one of them.`);
    const wrong = Array.isArray(values) ? undefined : wrongIn(name, values);
    if (wrong !== undefined) throw refused(`search.hyperparameters.${name}`, wrong);
  }
  if (job.training_type === 'rag')
    throw refused('job.training_type', ' is rag, which has no held-out loss to compare. Choose another one.');
  requireRungs(early_stop?.rungs ?? [], job);
}

/** Runs are compared where they are measured, and before they end. */
function requireRungs(rungs: number[], { max_steps, eval_steps }: NewSweep['job']): void {
  const field = 'early_stop.rungs';
  const late = rungs.find((step, index) => step <= (rungs[index - 1] ?? 0));
  if (late !== undefined) throw refused(field, ` has step ${late} behind a later one. Give steps that rise.`);
  const last = rungs.at(-1) ?? 0;
  if (max_steps !== undefined && last >= max_steps)
    throw refused(field, ` has step ${last}, and job.max_steps is ${max_steps}. Give steps before it.`);
  if (eval_steps === undefined) return;
  const missed = rungs.find((step) => eval_steps === 0 || step % eval_steps !== 0);
  if (missed !== undefined)
    throw refused(
      field,
      ` has step ${missed}, and job.eval_steps is ${eval_steps}: the held-out loss is not measured there. Give steps that eval_steps divides, or leave eval_steps out.`,
    );
}

function variedIn({ hyperparameters }: Search) {
  return Object.entries(hyperparameters).flatMap(([name, values]) =>
    values === undefined ? [] : [[name as SweptName, values] as const],
  );
}

function refused(field: string, rest: string): UserError {
  return new UserError(`${field}${rest}`, { field });
}
