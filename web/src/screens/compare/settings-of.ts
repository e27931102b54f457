import type { Report } from '../../api/types.ts';
import type { Basis } from './fair.ts';
import { inPercent } from './setting-rows.ts';
import type { Compared } from './use-compared.ts';
import { valueAt } from './value-at.ts';

/** Everything that a run was started with. */
export function askedOf({ run }: Compared, { rowsPerStep }: Basis): object {
  const { hyperparameters, output_directory, today, ...spec } = run.spec;
  return {
    base_model: spec.base_model,
    training_type: spec.training_type,
    rows_per_step: rowsPerStep,
    ...Object(hyperparameters),
    ...Object(inPercent(spec)),
    output_directory,
    today,
  };
}

/** What came of it: the revision of its base model, its rows, and the versions that trained it. */
export function foundOf({ run }: Compared, { revision, trainRows, heldOutRows }: Basis, report: Report | null): object {
  const known = {
    base_model_revision: revision,
    rows: { trained_on: run.plan?.train_rows, held_out: run.plan?.held_out_rows },
    rows_sha256: { trained_on: trainRows, held_out: heldOutRows },
    planned: { steps: run.plan?.steps.total, tokens_per_epoch: run.plan?.tokens?.per_epoch },
    trained_with: valueAt(report, 'versions'),
    device: valueAt(report, 'training', 'device'),
  };
  return withoutNulls(known);
}

/** What is not known yet is no value of its own. */
function withoutNulls(value: object): object {
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, part]): [string, unknown][] => {
      if (part === null || part === undefined) return [];
      return [[name, typeof part === 'object' ? withoutNulls(part) : part]];
    }),
  );
}
