import { inDataProcess } from '../../datasets/in-data-process.ts';
import { findSources } from '../../models/runs/mixture-sources.ts';
import { HyperparameterChoicesSchema, mixtureSpec, resolveHyperparameters } from '../../models/runs/run-spec.ts';
import { TrainingConfig } from '../../models/settings/training-config.ts';
import { resolveOutputDirectory } from '../../outputs/output-directory.ts';
import type { Env } from '../../platform/env.ts';
import type { Slowly } from '../../platform/long-answers.ts';
import { findTokenizer } from '../base-models/find-tokenizer.ts';
import { requireUsableDatasets } from '../datasets/require-usable-datasets.ts';
import { requireIndexed } from '../runs/require-trainable.ts';
import type { NewProject } from './create-project.ts';
import { checkTraits, datasetIdsOf } from './trait-rules.ts';

/** A project that nobody asked to create: it needs no name and no place. */
export type PlannedProject = Omit<NewProject, 'name' | 'output_directory'> & {
  name?: string | undefined;
  output_directory?: string | undefined;
};

/** Somebody waits for it, and it takes the place of an upload's conversion. */
const PLAN_WITHIN_MS = 120_000;

/**
 * What the mixture of a project would be, without creating anything; with its tokens where a base model is given.
 * @throws UserError; NotYetError while the trainer's Python, which counts tokens, is not there; DatasetError
 */
export async function planProject(body: PlannedProject, { env, slowly }: { env: Env; slowly: Slowly }) {
  const { max_rows, traits, mixing, base_model, output_directory } = body;
  if (output_directory !== undefined) await resolveOutputDirectory(output_directory, env.outputRoots);
  const checked = checkTraits(traits);
  await requireUsableDatasets(datasetIdsOf(checked));
  const config = await TrainingConfig.current();
  const type = body.training_type ?? config.default_training_type;
  requireIndexed(type, body.embedding_model);
  const hyperparameters = resolveHyperparameters(HyperparameterChoicesSchema.strip().parse(body), type, config);
  const found = await findSources(checked.flatMap(({ datasets }) => datasets));
  const spec = mixtureSpec(
    {
      max_rows,
      mixing,
      seed: hyperparameters.seed,
      traits: checked.map(({ trait_type, ...trait }) => ({ trait: trait_type, ...trait })),
    },
    found.map(({ source }) => source),
  );
  // What rag reads are chunks of texts, which its run alone makes.
  const counts = base_model !== undefined && type !== 'rag';
  const tokenizer = counts ? await findTokenizer(env, base_model, hyperparameters) : null;
  const { plan, ...rest } = await slowly({ spec, tokenizer }, (onProgress) =>
    inDataProcess('draft', { ...spec, tokenizer }, { timeLimitMs: PLAN_WITHIN_MS, onProgress }),
  );
  return { plan: { ...plan, ...rest }, base_model: base_model ?? config.default_model, hyperparameters };
}
