import { inDataProcess } from '../../datasets/in-data-process.ts';
import type { Dataset } from '../../models/datasets/dataset.ts';
import { NewTokensSchema } from '../../models/runs/hyperparameter-choices.ts';
import type { Env } from '../../platform/env.ts';
import { NotFoundError, UserError } from '../../platform/failure.ts';
import { exists } from '../../platform/files.ts';
import type { Slowly } from '../../platform/long-answers.ts';
import type { Hyperparameters } from '../../trainer/hyperparameters.ts';
import { findTokenizer } from '../base-models/find-tokenizer.ts';
import { fileIsGone, withoutTokens } from './dataset-rows.ts';

/** Which row, which of its tokens, and the settings of the training that would read it. */
interface RowAskedFor
  extends Pick<Hyperparameters, 'max_length' | 'too_long' | 'reasoning' | 'tool_calls' | 'train_on'> {
  base_model: string;
  row: number;
  /** Separated by spaces. */
  new_tokens?: string | undefined;
  offset: number;
  limit: number;
}

/** The tokens of one row as training on a base model would see them. */
export async function tokensOf(
  dataset: Dataset,
  { base_model, row, offset, limit, new_tokens, ...chosen }: RowAskedFor,
  { env, slowly }: { env: Env; slowly: Slowly },
) {
  const { id, parquet_path: parquetPath, mapping, row_count } = dataset;
  if (!mapping) throw withoutTokens(dataset);
  if (row >= row_count)
    throw new UserError(`row is ${row}, and dataset ${id} has ${row_count} rows, from 0 to ${row_count - 1}.`);
  if (!(await exists(parquetPath))) throw new NotFoundError(fileIsGone(id));
  const tokenizer = await findTokenizer(env, base_model, { ...chosen, new_tokens: tokensIn(new_tokens) });
  const request = { parquetPath, mapping, row, tokenizer, range: { offset, limit } };
  const told = await slowly(request, () => inDataProcess('rowTokens', request));
  const found = 'problem' in told ? { ...NO_TOKENS, ...told } : { problem: null, ...told };
  const total = found.examples.reduce((sum, { tokens }) => sum + tokens, 0);
  return { row_number: row, base_model, max_length: chosen.max_length, ...found, total, offset };
}

/** @throws UserError for texts that no training takes as tokens */
function tokensIn(text = ''): string[] | null {
  const named = text.split(' ').filter((each) => each !== '');
  if (named.length === 0) return null;
  const { data, error } = NewTokensSchema.safeParse(named);
  if (data) return data;
  throw new UserError(
    `new_tokens is ${JSON.stringify(text)}: ${error.issues.map(({ message }) => message).join('; ')}.`,
    {
      field: 'new_tokens',
    },
  );
}

const NO_TOKENS = { notes: [], dropped: false, examples: [], tokens: [] };
