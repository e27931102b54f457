import { inDataProcess } from '../../datasets/data-process.ts';
import type { Profile } from '../../datasets/profile.ts';
import { checkMapping, type Mapping } from '../../datasets/row-format.ts';
import type { Dataset } from '../../models/dataset.ts';
import { Run } from '../../models/run.ts';
import { OPEN_STATUSES } from '../../models/statuses.ts';
import { ApiError, badRequest } from '../errors.ts';

function requestOf({ parquet_path: parquetPath, columns }: Dataset, mapping: Mapping | null) {
  return { parquetPath, columns, mapping };
}

/** A dataset's profile, which is made once. */
export async function profileOf(dataset: Dataset): Promise<Profile> {
  if (dataset.profile) return dataset.profile;
  const profile = await inDataProcess('profile', requestOf(dataset, dataset.mapping));
  await dataset.update({ profile }, { silent: true });
  return profile;
}

/** @throws ApiError 400 without a mapping; DatasetError for one that names other columns */
export async function validateRows(dataset: Dataset, other: Mapping | undefined) {
  const mapping = other ?? dataset.mapping;
  if (!mapping)
    throw badRequest(
      `mapping is required: dataset ${dataset.id} has none. Its columns are: ${dataset.columns.join(', ')}.`,
    );
  checkMapping(mapping, dataset.columns);
  const found = await inDataProcess('checkRows', requestOf(dataset, mapping));
  return { valid: found.unusable.length === 0, mapping, ...found };
}

/** What changes of a dataset with its mapping. @throws ApiError 409 while a run that has not ended uses it; DatasetError */
export async function remap(dataset: Dataset, mapping: Mapping) {
  checkMapping(mapping, dataset.columns);
  const open = await Run.findAll({
    where: { status: OPEN_STATUSES },
    attributes: ['id', 'workflow_id', 'spec'],
  });
  const user = open.find(({ spec }) =>
    spec.traits.some(({ datasets }) => datasets.some(({ dataset_id }) => dataset_id === dataset.id)),
  );
  if (user) {
    throw new ApiError(
      409,
      `Dataset ${dataset.id} is used by the run ${user.workflow_id}, which has not ended. Wait for its end, or cancel it.`,
    );
  }
  const { usable_rows, unusable } = await inDataProcess('checkRows', requestOf(dataset, mapping));
  return {
    mapping,
    usable_row_count: usable_rows,
    unusable: unusable.map(({ values: _values, ...reason }) => reason),
    profile: null,
  };
}
