import { findPinned } from '../../activities/pinned-model.ts';
import { exists } from '../../files.ts';
import { findTrainerPython } from '../../local/python.ts';
import type { Run } from '../../models/run.ts';
import { UnreadableBundle } from '../../retrieval/bundle-reader.ts';
import type { ApiDependencies } from '../endpoint.ts';
import { ApiError, badRequest } from '../errors.ts';

/**
 * The chunks of what a rag run made that are closest to a question.
 * @throws ApiError 400 where the run made none, or it cannot be read; 404 where it is gone; 503 without the trainer's Python
 */
export async function queryBundle(
  { env, bundles }: ApiDependencies,
  run: Run,
  { question, top_k }: { question: string; top_k: number },
) {
  const { training_type, base_model } = run.spec;
  if (training_type !== 'rag')
    throw badRequest(`Run ${run.number} is of the type ${training_type}; only runs of the type rag can be queried.`);
  if (run.output_path === null) throw badRequest(`Run ${run.number} is ${run.status}; query it once it has completed.`);
  if (!(await exists(run.output_path)))
    throw new ApiError(
      404,
      `The output of run ${run.number} is not in its directory any more: it was moved or deleted.`,
    );
  const model = await findPinned(env, run);
  if (model.path === null) throw badRequest(model.errors.join(' '));
  const python = await findTrainerPython(env);
  if (python === null)
    throw new ApiError(503, "The trainer's Python is not there yet. `npm start` makes it, and says when it is done.");
  const place = { python, bundlePath: run.output_path, modelPath: model.path };
  const results = await bundles.ask(place, question, top_k).catch((error: unknown) => {
    throw error instanceof UnreadableBundle ? badRequest(error.message) : error;
  });
  return { run_number: run.number, base_model, results };
}
