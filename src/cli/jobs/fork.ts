import { ownerOf } from '../api/runs.ts';
import type { Job, JobCreate } from '../api/types.ts';
import { CommandFailure } from '../exit-codes.ts';
import { ensureWorker } from '../pool/pool.ts';
import { type RunName, textOf } from '../runs/run-name.ts';
import { hasAdapters } from '../runs/settings.ts';
import { watchRun } from '../runs/watch.ts';
import type { Session } from '../session.ts';
import { createPlannedJob, type JobOptions } from './jobs.ts';
import { type CheckpointName, startFrom } from './start-name.ts';

interface ForkOptions extends JobOptions {
  checkpoint?: CheckpointName;
  dataset?: string;
  watch?: true;
}

/** Of adapters: with the same ones the training goes on with those that are there, whatever its type. */
const SHAPE = ['lora_target_modules', 'modules_to_save', 'use_rslora', 'use_dora'] as const;

/**
 * `mtm fork job-1 --checkpoint 100 --dataset others.csv`: a job that begins from a run. What is not said is as the job was that it begins
 * from; of one of another type, what adapters are like alone. A fork of a project needs a dataset, and takes the defaults.
 */
export async function fork(session: Session, name: RunName, options: ForkOptions): Promise<void> {
  const parent = await ownerOf(session.client, name);
  const before = 'dataset_id' in parent ? settingsOf(parent, options) : {};
  const dataset = options.dataset ?? ('dataset_id' in parent ? String(parent.dataset_id) : undefined);
  if (dataset === undefined)
    throw new CommandFailure(`${textOf(name)} mixes several datasets. Say with --dataset what its fork is trained on.`);
  const asked: JobOptions = { ...options, name: options.name ?? `${parent.name}, forked`.slice(0, 255) };
  const starts_from = startFrom(name, options.checkpoint);
  const { job } = await createPlannedJob(session, dataset, asked, { ...before, starts_from });
  const begun: RunName = { kind: 'job', id: job.id };
  const sentence = `${textOf(begun)} was created, and begins from ${textOf(name)}.`;
  await ensureWorker(session);
  if (options.watch) session.say(sentence);
  else session.print(job, () => `${sentence}\nFollow it with \`mtm run watch ${textOf(begun)}\`.`);
  if (options.watch) await watchRun(session, begun);
}

/** The settings of a job, as a training of the type that is asked for may have them; undefined: of the same one. */
function settingsOf(job: Job, { type, finetuningType }: ForkOptions): Partial<JobCreate> {
  const { lora_r, lora_alpha, training_type, hyperparameters } = job;
  if (type !== undefined && type !== training_type) {
    const shape = Object.fromEntries(
      SHAPE.flatMap((field) => (field in hyperparameters ? [[field, hyperparameters[field]]] : [])),
    );
    // (The tokens that its vocabulary has beyond its base's are part of what the fork begins from.)
    return { lora_r, lora_alpha, ...(hasAdapters(type, { finetuning_type: finetuningType }) ? shape : {}) };
  }
  const { batch_size, learning_rate, epochs, lora_dropout } = job;
  return { training_type, batch_size, learning_rate, epochs, lora_r, lora_alpha, lora_dropout, ...hyperparameters };
}
