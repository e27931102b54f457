import { findModel } from '../../base-models/find-model.ts';
import type { Tokenizer } from '../../datasets/tokenizer.ts';
import type { Env } from '../../platform/env.ts';
import { NotYetError, UserError } from '../../platform/failure.ts';
import { findTrainerPython } from '../../platform/python.ts';
import type { Hyperparameters } from '../../trainer/hyperparameters.ts';

/**
 * What counts a base model's tokens.
 * @throws UserError when the model is not in the cache; NotYetError while the trainer's Python is still being made
 */
export async function findTokenizer(
  env: Env,
  baseModel: string,
  chosen: Pick<Hyperparameters, 'max_length' | 'too_long' | 'reasoning' | 'tool_calls' | 'train_on' | 'new_tokens'>,
): Promise<Tokenizer> {
  const model = await findModel(env, baseModel);
  if (model.path === null) throw new UserError(model.errors.join(' '));
  const python = await findTrainerPython(env).catch((error: Error) => {
    throw new UserError(`The tokens cannot be counted. ${error.message}`);
  });
  if (python === null)
    throw new NotYetError(
      "Tokens are counted by the trainer's Python, which is not there yet. `npm start` makes it, and says when it is done.",
    );
  const { max_length: maxLength, too_long: tooLong = 'truncate', reasoning } = chosen;
  const { tool_calls: toolCalls, train_on: trainOn } = chosen;
  const newTokens = chosen.new_tokens ?? [];
  return { python, modelPath: model.path, maxLength, tooLong, reasoning, toolCalls, trainOn, newTokens };
}
