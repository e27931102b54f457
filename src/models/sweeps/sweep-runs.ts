import { QueryTypes, type Transaction } from 'sequelize';
import type { ValidationResult } from '../../trainer/results.ts';
import type { QueueChoices } from '../runs/queue-choices.ts';
import { connection, type Run } from '../runs/run.ts';
import type { SweepSettings } from './search.ts';
import { kindOf, type Sweep } from './sweep.ts';

type OfRun =
  | 'status'
  | 'phase'
  | 'progress'
  | 'current_step'
  | 'total_steps'
  | 'hold_step'
  | 'pause_reason'
  | 'error_message'
  | 'workflow_id'
  | 'admitted_at'
  | keyof QueueChoices;

type Trait = ValidationResult['traits'][number];

/** A run of a sweep: the first of its job or project. What somebody has that do later is no part of the sweep. */
export interface SweepRun extends Pick<Run, OfRun> {
  /** Of its job, or of its project. */
  owner_id: number;
  name: string;
  settings: SweepSettings;
  run_id: number;
  /** While it trained, by step: the held-out loss over all traits. */
  losses: { step: number; loss: number }[];
  /** Of each trait, of the published model, and less that of its base. Null before it was validated. */
  validated: Pick<Trait, 'trait' | 'tuned' | 'loss_difference'>[] | null;
}

/** The runs of a sweep in the order in which they begin. */
export async function runsOfSweep(
  sweep: Pick<Sweep, 'id' | 'spec'>,
  transaction: Transaction | null = null,
): Promise<SweepRun[]> {
  const kind = kindOf(sweep);
  return await connection().query<SweepRun>(
    `SELECT owner.id AS owner_id, owner.name, owner.sweep_settings AS settings, run.id AS run_id, run.status, run.phase, run.progress,
       run.current_step, run.total_steps, run.hold_step, run.pause_reason, run.error_message, run.workflow_id, run.admitted_at,
       run.priority, run.not_before, run.after_job_id, run.after_project_id,
       coalesce((SELECT json_agg(json_build_object('step', step, 'loss', eval_loss) ORDER BY step) FROM run_metrics
                 WHERE run_id = run.id AND eval_loss IS NOT NULL), '[]') AS losses,
       CASE WHEN run.status = 'completed' THEN (SELECT json_agg(json_build_object('trait', trait -> 'trait', 'tuned', trait -> 'tuned', 'loss_difference', trait -> 'loss_difference'))
          FROM jsonb_array_elements(run.validation -> 'traits') AS trait) END AS validated
     FROM ${kind}s AS owner JOIN runs AS run ON run.${kind}_id = owner.id AND run.number = 1
     WHERE owner.sweep_id = $sweepId ORDER BY owner.id`,
    { bind: { sweepId: sweep.id }, type: QueryTypes.SELECT, transaction },
  );
}

/** Of the published model of a run: over all traits, of which each counts the same. Null before there is one. */
export function heldOutLoss({ validated }: Pick<SweepRun, 'validated'>): number | null {
  if (!validated?.length) return null;
  return validated.reduce((sum, { tuned }) => sum + tuned.loss, 0) / validated.length;
}

/**
 * The held-out loss of a run at a step. One that ended before counts with its last.
 * @returns null where it was not measured
 */
export function lossAt({ losses, status }: Pick<SweepRun, 'losses' | 'status'>, step: number): number | null {
  const measured =
    status === 'completed' ? losses.findLast((each) => each.step <= step) : losses.find((each) => each.step === step);
  return measured?.loss ?? null;
}
