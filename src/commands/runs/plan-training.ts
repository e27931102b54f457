import type { TokenCount } from '../../datasets/draft.ts';
import { inDataProcess } from '../../datasets/in-data-process.ts';
import type { Lengths } from '../../estimates/training.ts';
import { type AskedChoices, AskedChoicesSchema, type MixingChoices } from '../../models/runs/hyperparameter-choices.ts';
import { findSources } from '../../models/runs/mixture-sources.ts';
import { datasetsOf, mixtureSpec, type RunSpec, resolveHyperparameters } from '../../models/runs/run-spec.ts';
import { type AskedStart, uponStart } from '../../models/runs/start.ts';
import { TrainingConfig } from '../../models/settings/training-config.ts';
import { requireConfigured } from '../../models/trackers/configured-trackers.ts';
import type { Tracker } from '../../models/trackers/trackers.ts';
import type { Env } from '../../platform/env.ts';
import type { Slowly } from '../../platform/long-answers.ts';
import type { TrainingType } from '../../trainer/training-types.ts';
import { findTokenizer } from '../base-models/find-tokenizer.ts';
import { requireUsableDatasets } from '../datasets/require-usable-datasets.ts';
import { estimateTraining, type MaybeEstimate } from '../estimates/estimate-training.ts';
import { rememberLengths } from '../estimates/known-lengths.ts';
import { resolveBatch } from '../estimates/resolve-batch.ts';
import { findStart } from './find-start.ts';
import type { RunOwner } from './owners.ts';
import { isFetched } from './require-models.ts';
import { requireIndexed, requireNoIndex } from './require-trainable.ts';

/** What a plan is asked for, of a job or a project. */
interface PlannedTraining extends AskedChoices {
  training_type?: TrainingType | undefined;
  base_model?: string | undefined;
  embedding_model?: string | null | undefined;
  /** Where the base model is not there: its run would fetch it. */
  download?: boolean | undefined;
  /** Null: as many rows as there are. */
  max_rows: number | null;
  mixing?: MixingChoices | undefined;
  starts_from?: AskedStart | null | undefined;
  trackers?: Tracker[] | undefined;
  traits: RunSpec['traits'];
}

export interface PlanDependencies {
  env: Env;
  slowly: Slowly;
}

/** Somebody waits for it, and it takes the place of an upload's conversion. */
const PLAN_WITHIN_MS = 120_000;

/**
 * What a training would read, without creating anything; with its tokens where a base model is given.
 * @throws UserError; NotYetError while the trainer's Python, which counts tokens, is not there; DatasetError
 */
export async function planTraining(kind: RunOwner['kind'], body: PlannedTraining, { env, slowly }: PlanDependencies) {
  const { max_rows, traits, mixing, starts_from, embedding_model, download = false } = body;
  requireConfigured(env, body.trackers ?? []);
  const heldOutFrom = traits.flatMap(({ held_out_from }) => held_out_from?.dataset_id ?? []);
  const config = await TrainingConfig.current();
  const type = body.training_type ?? config.default_training_type;
  const begins = starts_from
    ? await findStart(env, starts_from, { training_type: type, base_model: body.base_model })
    : null;
  const base_model = begins?.baseModel ?? body.base_model;
  const trainedOn = traits.flatMap(({ datasets }) => datasets.map(({ dataset_id }) => dataset_id));
  await requireUsableDatasets(trainedOn, type);
  await requireUsableDatasets(heldOutFrom, type, null, 'validation_dataset_id');
  requireIndexed(type, embedding_model);
  for (const id of heldOutFrom) requireNoIndex(type, id);
  const { batch_size, rows_per_step, ...choices } = uponStart(begins?.start, AskedChoicesSchema.strip().parse(body));
  // A batch decides nothing of the rows, and they decide which batch fits.
  const ofRows = resolveHyperparameters(choices, type, config);
  const found = await findSources(datasetsOf(traits));
  const spec = mixtureSpec(
    { max_rows, mixing, seed: ofRows.seed, traits },
    found.map(({ source }) => source),
  );
  // What rag reads are chunks of texts, which its run alone makes.
  const model = base_model ?? config.default_model;
  const comesFirst = download && (await isFetched(env, kind, model));
  const counts = base_model !== undefined && type !== 'rag' && !comesFirst;
  const tokenizer = counts ? await findTokenizer(env, base_model, ofRows) : null;
  const { plan, ...rest } = await slowly({ spec, tokenizer }, (onProgress) =>
    inDataProcess('draft', { ...spec, tokenizer }, { timeLimitMs: PLAN_WITHIN_MS, onProgress }),
  );
  const wanted = { base_model: model, max_rows, mixing, traits };
  const lengths = lengthsOf(rest.tokens, plan.heldOutRows, ofRows.max_length);
  if (lengths) rememberLengths({ ...wanted, hyperparameters: ofRows }, lengths);
  const batch = { ...choices, batch_size, rows_per_step };
  const { chosen, reason } = await resolveBatch(env, config, { ...wanted, training_type: type }, batch);
  const asked = {
    training_type: type,
    base_model: model,
    embedding_model: embedding_model ?? null,
    hyperparameters: resolveHyperparameters(chosen, type, config),
  };
  const rows = { train: plan.trainRows, heldOut: plan.heldOutRows, lengths };
  const estimate: MaybeEstimate = comesFirst
    ? { reason: `What the training takes cannot be estimated before ${model} is there. Its run fetches it first.` }
    : await estimateTraining(
        env,
        { ...asked, ...(begins && { start: begins.start }), threads: env.trainerThreads },
        rows,
      );
  return { plan: { ...plan, ...rest }, ...asked, estimate, batchReason: reason };
}

function lengthsOf(tokens: TokenCount | null, heldOutRows: number, maxLength: number): Lengths | null {
  if (tokens === null) return null;
  const { examples, perEpoch, longest = maxLength } = tokens;
  return { examples, tokens: perEpoch, longest, heldOutRows };
}
