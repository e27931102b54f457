import type { Run } from '../../models/runs/run.ts';
import type { Env } from '../../platform/env.ts';
import { NotFoundError, NotYetError, UserError } from '../../platform/failure.ts';
import { exists } from '../../platform/files.ts';
import { findTrainerPython } from '../../platform/python.ts';
import type { BundleQuestion } from '../../retrieval/bundle-protocol.ts';
import type { BundlePlace } from '../../retrieval/bundle-reader.ts';
import type { BundleReaders } from '../../retrieval/bundle-readers.ts';
import { findPinned, findPinnedIndexModel } from '../../runs/pinned-model.ts';

interface Dependencies {
  env: Env;
  bundles: BundleReaders;
}

/**
 * The chunks of what a rag run made that fit a question best, and what its base model answers from them.
 * @throws UserError where the run made none, or it cannot be read or answer; NotFoundError where it is gone; NotYetError without the trainer's Python
 */
export async function queryBundle(dependencies: Dependencies, run: Run, asked: BundleQuestion) {
  const { place, names } = await placeOf(dependencies, run, asked);
  const { results, answer = null } = await dependencies.bundles.ask(place, asked);
  return { run_number: run.number, ...names, results, answer };
}

/**
 * The same as it is told: the chunks, the answer as it is said, and the whole of it. `left`: nobody listens any more.
 * @throws as above, where that is known before the bundle is read; what follows of it, in `told`, is UnreadableBundle or TransientError
 */
export async function streamAnswer(dependencies: Dependencies, run: Run, asked: BundleQuestion, left: AbortSignal) {
  const { place, names } = await placeOf(dependencies, run, asked);
  return { about: { run_number: run.number, ...names }, told: dependencies.bundles.stream(place, asked, left) };
}

/** Where the bundle and its models are. The base model has to be there for answers alone. */
async function placeOf({ env }: Dependencies, run: Run, { answer }: BundleQuestion) {
  const { training_type, base_model } = run.spec;
  if (training_type !== 'rag')
    throw new UserError(`Run ${run.number} is of the type ${training_type}; only runs of the type rag can be queried.`);
  if (run.output_path === null)
    throw new UserError(`Run ${run.number} is ${run.status}; query it once it has completed.`);
  if (!(await exists(run.output_path)))
    throw new NotFoundError(
      `The output of run ${run.number} is not in its directory any more: it was moved or deleted.`,
    );
  const [base, index] = [await findPinned(env, run), await findPinnedIndexModel(env, run)];
  if (answer && index === null)
    throw new UserError(
      `The base model ${base_model} of run ${run.number} makes embeddings and writes no text, so nothing can answer. Leave answer out, or make a run with a base model that writes text.`,
    );
  const embedding = index ?? base;
  if (!embedding.available) throw new UserError(embedding.errors.join(' '));
  if (answer && !base.available) throw new UserError(base.errors.join(' '));
  const python = await findTrainerPython(env);
  if (python === null)
    throw new NotYetError("The trainer's Python is not there yet. `npm start` makes it, and says when it is done.");
  const place: BundlePlace = {
    python,
    bundlePath: run.output_path,
    modelPath: embedding.path,
    answeringModelPath: index === null ? null : base.path,
  };
  return { place, names: { base_model, embedding_model: embedding.resolved_name } };
}
