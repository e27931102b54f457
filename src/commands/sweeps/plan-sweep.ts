import { AskedChoicesSchema } from '../../models/runs/hyperparameter-choices.ts';
import { TrainingConfig } from '../../models/settings/training-config.ts';
import type { SweepSettings } from '../../models/sweeps/search.ts';
import type { Slowly } from '../../platform/long-answers.ts';
import { planJob } from '../jobs/plan-job.ts';
import { planProject } from '../projects/plan-project.ts';
import type { PlanDependencies, planTraining } from '../runs/plan-training.ts';
import { requireTrainable } from '../runs/require-trainable.ts';
import type { NewSweep } from './new-sweep.ts';
import { type RungForecast, rungsOf, type SweepTotals, totalsOf } from './sweep-totals.ts';
import { isOfCombination, namingCombination, type SweptRun, sweptOf } from './swept.ts';

type Planned = Awaited<ReturnType<typeof planTraining>>;

/** A run as it would be, or why no job or project may be so. */
export interface PlannedRun {
  name: string;
  settings: SweepSettings;
  planned: Planned | null;
  refusal: string | null;
}

export interface PlannedSweep {
  runs: PlannedRun[];
  duplicatesDropped: number;
  rungs: RungForecast[];
  /** Null where there is no estimate of one of its runs. */
  totals: SweepTotals | null;
}

/**
 * What a sweep would be, without creating anything. Rows that several runs have in common are read once.
 * @throws UserError where it is no sweep; what no job or project may have is said of the combination that has it
 */
export async function planSweep(asked: NewSweep, { env, slowly }: PlanDependencies): Promise<PlannedSweep> {
  const { runs, duplicatesDropped } = sweptOf(asked);
  const planned = await slowly({ asked }, async (onProgress) => {
    const dependencies = { env, slowly: onceEach() };
    const found: PlannedRun[] = [];
    for (const [index, run] of runs.entries()) {
      found.push(await planRun(index, run, dependencies));
      onProgress((100 * found.length) / runs.length);
    }
    return found;
  });
  const rungs = rungsOf(planned.filter(({ refusal }) => refusal === null).length, asked.early_stop?.rungs ?? []);
  return { runs: planned, duplicatesDropped, rungs, totals: totalsOf(planned, rungs, asked.max_concurrent_runs) };
}

/** Does equal work once. */
function onceEach(): Slowly {
  const done = new Map<string, Promise<unknown>>();
  return <T>(what: unknown, work: (onProgress: (percent: number) => void) => Promise<T>) => {
    const key = JSON.stringify(what);
    const outcome = done.get(key) ?? work(() => {});
    done.set(key, outcome);
    return outcome as Promise<T>;
  };
}

async function planRun(index: number, run: SweptRun, dependencies: PlanDependencies): Promise<PlannedRun> {
  const { name, settings } = run;
  try {
    const planned = await namingCombination(index, run, async () => {
      await requireChoices(run);
      return run.kind === 'job'
        ? await planJob(run.body, dependencies)
        : (await planProject(run.body, dependencies)).first;
    });
    return { name, settings, planned, refusal: null };
  } catch (error) {
    if (!isOfCombination(error)) throw error;
    return { name, settings, planned: null, refusal: error.message };
  }
}

/** What a plan of rows does not look at. */
async function requireChoices({ body }: SweptRun): Promise<void> {
  const { batch_size: _, rows_per_step: __, ...hyperparameters } = AskedChoicesSchema.strip().parse(body);
  const { training_type, embedding_model } = body;
  const base_model = 'base_model' in body ? body.base_model : 'model_name' in body ? body.model_name : undefined;
  requireTrainable({ training_type, base_model, embedding_model, hyperparameters }, await TrainingConfig.current());
}
