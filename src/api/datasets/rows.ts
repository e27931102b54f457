import type { z } from 'zod';
import { inDataProcess } from '../../datasets/in-data-process.ts';
import { checkMapping, type Mapping } from '../../datasets/row-format.ts';
import type { Tokenizer } from '../../datasets/token-count.ts';
import type { Env } from '../../env.ts';
import type { Dataset } from '../../models/dataset.ts';
import { Run } from '../../models/run.ts';
import { OPEN_STATUSES } from '../../models/statuses.ts';
import { ApiError, badRequest } from '../errors.ts';
import { findTokenizer } from '../find-tokenizer.ts';
import type { ProfileQuery } from './schema.ts';

function requestOf({ parquet_path: parquetPath, columns }: Dataset, mapping: Mapping | null) {
  return { parquetPath, columns, mapping };
}

/** A dataset's profile, which is made once; with its tokens, which are counted each time, where a base model is given. */
export async function profileOf(dataset: Dataset, { base_model, max_length }: z.output<typeof ProfileQuery>, env: Env) {
  // First: they may refuse.
  if (base_model !== undefined && !dataset.mapping)
    throw badRequest(
      `Dataset ${dataset.id} has no mapping, so its rows have no tokens. Give it one with PATCH, or leave base_model out.`,
    );
  const tokenizer = base_model === undefined ? null : await findTokenizer(env, base_model, { max_length });
  const profile = dataset.profile ?? (await inDataProcess('profile', requestOf(dataset, dataset.mapping)));
  if (!dataset.profile) await dataset.update({ profile }, { silent: true });
  return { ...profile, tokens: tokenizer && { base_model, max_length, ...(await tokensOf(dataset, tokenizer)) } };
}

async function tokensOf({ parquet_path: parquetPath, mapping, usable_row_count }: Dataset, tokenizer: Tokenizer) {
  if (!mapping) return null;
  return await inDataProcess('datasetTokens', { parquetPath, mapping, usableRows: usable_row_count, tokenizer });
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
