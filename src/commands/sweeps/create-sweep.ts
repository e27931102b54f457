import { QueryTypes, type Transaction } from 'sequelize';
import { connection } from '../../models/runs/run.ts';
import type { SweepSettings } from '../../models/sweeps/search.ts';
import { type EarlyStop, Sweep } from '../../models/sweeps/sweep.ts';
import type { Env } from '../../platform/env.ts';
import { UserError } from '../../platform/failure.ts';
import { PAUSE_FOR_TURN } from '../../workflows/contract.ts';
import { createJob } from '../jobs/create-job.ts';
import { combinationsOf, settingsText } from './combinations.ts';
import type { NewSweep, SweptJob } from './new-sweep.ts';
import { requireSweepable } from './require-sweepable.ts';

const LONGEST_NAME = 255;

/**
 * Adds a sweep with a job for each combination, all or nothing. Their runs wait, each as a row, until the sweep lets them go on.
 * @throws UserError that names the field, or the combination which no job may have
 */
export async function createSweep(asked: NewSweep, env: Env, transaction: Transaction): Promise<Sweep> {
  const { name, description = null, search, early_stop = null, max_concurrent_runs } = asked;
  requireSweepable(asked);
  const { settings, duplicatesDropped } = combinationsOf(search);
  const job = withEvaluations(asked.job, early_stop);
  const sweep = await Sweep.create(
    {
      name,
      description,
      spec: { job: { ...job }, search, early_stop, max_concurrent_runs },
      duplicates_dropped: duplicatesDropped,
    },
    { transaction },
  );
  const added: { job_id: number; settings: SweepSettings }[] = [];
  for (const [index, varied] of settings.entries()) {
    const own = nameOfRun(job.name ?? name, index, varied);
    const { id } = await namingCombination(index, varied, () =>
      createJob({ ...job, ...varied, name: own }, env, transaction),
    );
    added.push({ job_id: id, settings: varied });
  }
  await makeRunsOf(sweep, added, transaction);
  return sweep;
}

/** So that they are measured at each rung, and the job trained alone is measured where they are. */
function withEvaluations(job: SweptJob, earlyStop: EarlyStop | null): SweptJob {
  return earlyStop === null ? job : { eval_steps: earlyStop.rungs.reduce(greatestCommonDivisor), ...job };
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

function nameOfRun(name: string, index: number, settings: SweepSettings): string {
  return [...`${name} ${index + 1}: ${settingsText(settings)}`].slice(0, LONGEST_NAME).join('');
}

/** What a job may not have is said with the combination that has it. What is not there is missing for all of them. */
async function namingCombination<T>(index: number, settings: SweepSettings, create: () => Promise<T>): Promise<T> {
  try {
    return await create();
  } catch (error) {
    if (!(error instanceof UserError) || error.constructor !== UserError) throw error;
    const { message, field, code } = error;
    throw new UserError(`Combination ${index + 1} (${settingsText(settings)}): ${message}`, {
      field,
      code,
      cause: error,
    });
  }
}

/** Before anybody sees them: their runs are let go on by the sweep alone, up to its first rung. */
async function makeRunsOf(
  { id, spec }: Sweep,
  added: { job_id: number; settings: SweepSettings }[],
  transaction: Transaction,
): Promise<void> {
  await connection().query(
    `WITH asked AS (SELECT * FROM jsonb_to_recordset($added::jsonb) AS asked (job_id int, settings jsonb)), held AS (
       UPDATE runs SET pause_reason = $reason, phase = 'paused', hold_step = $holdStep::int FROM asked WHERE runs.job_id = asked.job_id
     )
     UPDATE jobs SET sweep_id = $id, sweep_settings = asked.settings FROM asked WHERE jobs.id = asked.job_id`,
    {
      bind: {
        id,
        added: JSON.stringify(added),
        reason: PAUSE_FOR_TURN,
        holdStep: added.length > 1 ? (spec.early_stop?.rungs[0] ?? null) : null,
      },
      type: QueryTypes.UPDATE,
      transaction,
    },
  );
}
