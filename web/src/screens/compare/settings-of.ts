import type { Report } from '../../api/types.ts';
import type { Basis } from './fair.ts';
import { inPercent } from './setting-rows.ts';
import type { Compared } from './use-compared.ts';
import { valueAt } from './value-at.ts';

/** Everything that a run was started with, and what it found: the rows that came of it, and the versions that trained it. */
export function settingsOf({ run }: Compared, basis: Basis, report: Report | null): object {
  const { hyperparameters, output_directory, today, ...spec } = run.spec;
  return {
    base_model: spec.base_model,
    base_model_revision: basis.revision,
    training_type: spec.training_type,
    rows_per_step: basis.rowsPerStep,
    ...Object(hyperparameters),
    ...Object(inPercent(spec)),
    rows: { trained_on: run.plan?.train_rows, held_out: run.plan?.held_out_rows },
    rows_sha256: { trained_on: basis.trainRows, held_out: basis.heldOutRows },
    planned: { steps: run.plan?.steps.total, tokens_per_epoch: run.plan?.tokens?.per_epoch },
    trained_with: valueAt(report, 'versions'),
    trained_on: valueAt(report, 'training', 'device'),
    output_directory,
    today,
  };
}
