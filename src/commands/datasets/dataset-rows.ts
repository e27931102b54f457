import { isDeepStrictEqual } from 'node:util';
import { QueryTypes } from 'sequelize';
import { inDataProcess } from '../../datasets/in-data-process.ts';
import type { MappingCheck, Profile } from '../../datasets/profile.ts';
import { checkMapping, type Mapping } from '../../datasets/rows/mapping.ts';
import type { Tokenizer } from '../../datasets/tokenizer.ts';
import { Dataset } from '../../models/datasets/dataset.ts';
import type { Env } from '../../platform/env.ts';
import { UserError } from '../../platform/failure.ts';
import type { OnProgress, Slowly } from '../../platform/long-answers.ts';
import { findTokenizer } from '../base-models/find-tokenizer.ts';

export function fileIsGone(id: number): string {
  return `The file of dataset ${id} is not there any more. Put it back from a backup, or upload the dataset again.`;
}

/** Why the file as it was uploaded cannot be downloaded. */
export function originalIsGone({ id, original_removed_because: because }: Dataset): string {
  if (because === null) return fileIsGone(id);
  return `The file of dataset ${id} as it was uploaded was ${because}. Its rows are there, and can be trained on; to have the file here, upload it again.`;
}

function requestOf({ parquet_path: parquetPath, columns }: Dataset, mapping: Mapping | null) {
  return { parquetPath, columns, mapping };
}

/** A dataset's profile, which is made once; with its tokens, which are counted each time, where a base model is given. */
export async function profileOf(
  dataset: Dataset,
  { base_model, max_length }: { base_model?: string | undefined; max_length: number },
  { env, slowly }: { env: Env; slowly: Slowly },
) {
  // First: they may refuse.
  if (base_model !== undefined && !dataset.mapping) throw withoutTokens(dataset, ', or leave base_model out');
  const tokenizer = base_model === undefined ? null : await findTokenizer(env, base_model, { max_length });
  const { id, mapping } = dataset;
  // One that an earlier version kept says nothing of preferences, and is made again.
  const kept = dataset.profile?.preferences === undefined ? null : dataset.profile;
  const profile = kept ?? (await slowly({ id, mapping }, (onProgress) => makeProfile(dataset, onProgress)));
  const tokens =
    tokenizer &&
    (await slowly({ id, mapping, tokenizer }, (onProgress) => countTokens(dataset, tokenizer, onProgress)));
  return { ...profile, tokens: tokens && { base_model, max_length, ...tokens } };
}

/** Of a dataset whose rows are no conversations yet. */
export function withoutTokens({ id }: Dataset, orElse = ''): UserError {
  return new UserError(`Dataset ${id} has no mapping, so its rows have no tokens. Give it one with PATCH${orElse}.`);
}

/** Makes a dataset's profile, and keeps it unless the dataset has another mapping by then. */
async function makeProfile(dataset: Dataset, onProgress: OnProgress): Promise<Profile> {
  const mapping = JSON.stringify(dataset.mapping);
  const profile = await inDataProcess('profile', requestOf(dataset, dataset.mapping), { onProgress });
  await Dataset.sequelize?.query(
    'UPDATE datasets SET profile = $profile::jsonb WHERE id = $id AND mapping IS NOT DISTINCT FROM nullif($mapping::jsonb, $null::jsonb)',
    { bind: { id: dataset.id, profile: JSON.stringify(profile), mapping, null: 'null' }, type: QueryTypes.UPDATE },
  );
  return profile;
}

async function countTokens(
  { parquet_path: parquetPath, mapping, usable_row_count: usableRows }: Dataset,
  tokenizer: Tokenizer,
  onProgress: OnProgress,
) {
  if (!mapping) return null;
  return await inDataProcess('datasetTokens', { parquetPath, mapping, usableRows, tokenizer }, { onProgress });
}

/** @throws UserError without a mapping; DatasetError for one that names other columns */
export async function validateRows(dataset: Dataset, other: Mapping | undefined, slowly: Slowly) {
  const mapping = other ?? dataset.mapping;
  if (!mapping)
    throw new UserError(
      `mapping is required: dataset ${dataset.id} has none. Its columns are: ${dataset.columns.join(', ')}.`,
    );
  checkMapping(mapping, dataset.columns);
  const found = await check(dataset, mapping, slowly);
  return { valid: found.unusable.length === 0, mapping, ...found };
}

function check(dataset: Dataset, mapping: Mapping, slowly: Slowly): Promise<MappingCheck> {
  return slowly({ id: dataset.id, mapping }, (onProgress) =>
    inDataProcess('checkRows', requestOf(dataset, mapping), { onProgress }),
  );
}

/** What changes of a dataset with its mapping. Runs keep the one that they were asked for with. @throws DatasetError */
export async function remap(dataset: Dataset, mapping: Mapping, slowly: Slowly) {
  checkMapping(mapping, dataset.columns);
  const { usable_rows, unusable, unused } = await check(dataset, mapping, slowly);
  const others = [...(dataset.mapping ? [dataset.mapping] : []), ...dataset.alternatives];
  return {
    mapping,
    // The one that it had fits as well.
    alternatives: others.filter((other) => !isDeepStrictEqual(other, mapping)),
    usable_row_count: usable_rows,
    unusable: unusable.map(({ values: _values, ...reason }) => reason),
    unused,
    profile: null,
  };
}
