import { basename } from 'node:path';
import type { ProjectCreate } from '../api/types.ts';
import { uploadOnce } from '../datasets/upload.ts';
import { ensureWorker } from '../pool/pool.ts';
import { createAndStart, planProject } from '../projects/projects.ts';
import { download } from '../runs/download.ts';
import type { RunName } from '../runs/run-name.ts';
import { textOf } from '../runs/run-name.ts';
import { beginPlanned, type EstimateFields, tellEstimate } from '../runs/tell-estimate.ts';
import { watchRun } from '../runs/watch.ts';
import type { Session } from '../session.ts';
import { hyperparametersIn } from './hyperparameter-options.ts';
import { createPlannedJob, type JobOptions } from './jobs.ts';

interface TrainOptions extends JobOptions {
  watch?: true;
  download?: string | true;
}

/** What was asked for, as the API answered, and what a plan said of it before. */
interface Begun {
  name: RunName;
  created: unknown;
  estimate: EstimateFields;
}

/** The most rows that a project takes. */
const MOST_ROWS = 10_000_000;

/**
 * `mtm train FILE… --model NAME`: from files to a model. One file is a job; several are a project that mixes all of their rows. Says what
 * it takes before it begins. With `watch` until its result, with `download` until its files are here.
 */
export async function train(session: Session, files: string[], options: TrainOptions): Promise<void> {
  const [file = '', ...others] = files;
  const { name, created, estimate } =
    others.length === 0 ? await trainJob(session, file, options) : await trainProject(session, files, options);
  const print: Session['print'] = (answer, text) => session.print(Object.assign({}, answer, estimate), text);
  const telling = { ...session, print };
  sayCreated(telling, name, created, options);
  await ensureWorker(session);
  if (options.watch || options.download) await watchRun(telling, name);
  if (options.download)
    await download({ ...session, print: () => {} }, name, options.download === true ? undefined : options.download);
}

async function trainJob(session: Session, file: string, options: TrainOptions): Promise<Begun> {
  const { job, estimate } = await createPlannedJob(session, file, options);
  return { name: { kind: 'job', id: job.id }, created: job, estimate };
}

/** Each file has as many rows in the mixture as it has usable ones. */
async function trainProject(session: Session, files: string[], options: TrainOptions): Promise<Begun> {
  const datasets = [];
  for (const file of files) datasets.push(await uploadOnce(session, file));
  const rows = datasets.map(({ usable_row_count }) => usable_row_count);
  const total = rows.reduce((sum, count) => sum + count, 0);
  // These are asked of a project when it is started.
  const { force, download: fetches, priority, not_before, ...hyperparameters } = hyperparametersIn(options);
  const body: ProjectCreate = {
    name: options.name ?? files.map((file) => basename(file)).join(', '),
    ...(options.description === undefined ? {} : { description: options.description }),
    ...(options.model === undefined ? {} : { base_model: options.model }),
    ...(options.startsFrom === undefined ? {} : { starts_from: options.startsFrom }),
    max_rows: Math.min(Math.max(1, total), MOST_ROWS),
    output_directory: 'train',
    traits: [
      {
        trait_type: 'general_tools',
        datasets: datasets.map(({ id }, index) => ({ dataset_id: id, percentage: sharesOf(rows)[index] ?? 0 })),
      },
    ],
    ...hyperparameters,
  };
  const planned = { ...body, ...(fetches === undefined ? {} : { download: fetches }) };
  const estimate = await tellEstimate(session, (signal) => planProject(session, planned, signal));
  const created = await beginPlanned(estimate, () =>
    createAndStart(session, body, { force, download: fetches, priority, not_before, after: options.after }),
  );
  return { name: { kind: 'project', id: created.id }, created, estimate };
}

/** Percentages with two decimals, of which the largest takes what is left to make 100. */
export function sharesOf(rows: number[]): number[] {
  const total = rows.reduce((sum, count) => sum + count, 0) || 1;
  const shares = rows.map((count) => Math.round((10_000 * count) / total) / 100);
  const largest = rows.indexOf(Math.max(...rows));
  const rest = shares.reduce((sum, share, index) => (index === largest ? sum : sum + share), 0);
  return shares.map((share, index) => (index === largest ? Math.round(100 * (100 - rest)) / 100 : share));
}

/** Where it is watched, its answer is printed at its end; else now. */
function sayCreated(
  session: Session,
  name: RunName,
  answer: unknown,
  { watch, download: fetched }: TrainOptions,
): void {
  const sentence = `${textOf(name)} was created. Its page: ${session.server.url}/${name.kind}s/${name.id}`;
  if (watch || fetched) session.say(sentence);
  else session.print(answer, () => `${sentence}\nFollow it with \`mtm run watch ${textOf(name)}\`.`);
}
