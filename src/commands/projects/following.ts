import type { Transaction } from 'sequelize';
import type { AskedFollowing, Following } from '../../models/projects/following.ts';
import type { TraitRequest } from '../../models/projects/trait-request.ts';
import type { AskedChoices, HyperparameterChoices } from '../../models/runs/hyperparameter-choices.ts';
import type { TrainingConfig } from '../../models/settings/training-config.ts';
import type { Env } from '../../platform/env.ts';
import { UserError } from '../../platform/failure.ts';
import { type TrainingType, trainsAdapters } from '../../trainer/training-types.ts';
import { requireUsableDatasets } from '../datasets/require-usable-datasets.ts';
import { resolveBatch } from '../estimates/resolve-batch.ts';
import { requireTrainable } from '../runs/require-trainable.ts';
import { checkTraits, datasetIdsOf, traitsOfSpec } from './trait-rules.ts';

interface Part {
  training_type: TrainingType;
  chosen: AskedChoices;
}

/** What the second part of a project is like where nothing else is said. */
interface FirstPart extends Part {
  base_model: string;
  max_rows: number;
  traits: TraitRequest[];
  chosen: HyperparameterChoices;
}

/** Of adapters: with the same ones the second part goes on with those of the first. */
const SHAPE = ['lora_r', 'lora_alpha', 'lora_target_modules', 'modules_to_save', 'use_rslora', 'use_dora'] as const;

/** Of how rows are read: the second part begins from a model that reads them so. */
const OF_ROWS = ['max_length', 'new_tokens'] as const;

/** Checks the second part of a project, and completes it from the first. @throws UserError, which says that it is about followed_by */
export async function resolveFollowing(
  env: Env,
  config: TrainingConfig,
  asked: AskedFollowing,
  first: FirstPart,
  transaction: Transaction,
): Promise<Following> {
  return await ofFollowing(async () => {
    const { training_type, max_rows, traits, ...choices } = asked;
    if ([training_type, first.training_type].includes('rag'))
      throw new UserError(
        'a part is of the type rag, which trains nothing. Choose another training type, or leave followed_by out.',
      );
    const { base_model } = first;
    const shares = checkTraits(traits ?? first.traits);
    const planned = { training_type, base_model, max_rows: max_rows ?? first.max_rows, traits: traitsOfSpec(shares) };
    const wanted = { ...inherited({ training_type, chosen: choices }, first), ...choices };
    const { chosen } = await resolveBatch(env, config, planned, wanted);
    requireTrainable({ training_type, base_model, embedding_model: null, hyperparameters: chosen }, config);
    await requireUsableDatasets(datasetIdsOf(shares), training_type, transaction);
    return { training_type, max_rows, traits, ...chosen };
  });
}

function inherited(second: Part, first: Part): HyperparameterChoices {
  const haveAdapters = [second, first].every(({ training_type, chosen }) => trainsAdapters(training_type, chosen));
  const { chosen } = first;
  const names = haveAdapters ? SHAPE : [];
  const kept = [...names, ...OF_ROWS].filter((name) => chosen[name] !== undefined);
  return Object.fromEntries(kept.map((name) => [name, chosen[name]]));
}

/** What is wrong with the second part says so. */
export async function ofFollowing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`followed_by: ${error.message}`, { field: 'followed_by' });
  }
}
