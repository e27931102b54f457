import { join, resolve } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { resultTable } from '../../src/cli/runs/result-table.ts';
import type { Env } from '../../src/platform/env.ts';
import { ensureTrainerPython } from '../../src/platform/python.ts';
import { installModel } from '../../src/processes/model-command.ts';
import { type RunningService, startService } from '../../src/processes/start/start.ts';
import { ApiClient, type WatchedProject } from './api-client.ts';
import { DEMO_DATASETS, type DemoDataset, PUBLISHED_DATASETS } from './datasets.ts';
import { generateDemoData } from './generate.ts';
import { killWorkerAndTrainer } from './kill.ts';

import { DEMO_TRAININGS, type DemoType, SAVE_STEPS } from './training-types.ts';

const LOOK_EVERY_MS = 400;
const DEFAULT_MAX_ROWS = 240;

/** As the command line gives them, see src/processes/process-commands.ts. */
interface DemoOptions {
  kill?: true;
  type: string;
  model?: string;
  data?: string;
  maxRows?: string;
}

/** `npm run demo`: the main job, from files to a validated model, through the same API that users have. */
export async function main(env: Env, options: DemoOptions): Promise<void> {
  const maxRows = Number(options.maxRows ?? DEFAULT_MAX_ROWS);
  if (!Number.isInteger(maxRows) || maxRows < 1)
    throw new Error(`--max-rows is ${options.maxRows}; give a whole number of at least 1.`);
  const types = Object.keys(DEMO_TRAININGS) as DemoType[];
  const type = types.find((known) => known === options.type);
  if (!type) throw new Error(`--type is ${options.type}; give one of ${types.join(', ')}.`);
  const say = (line: string) => console.log(line);
  await ensureTrainerPython({ env, onProgress: say });
  const [base, ...others] = DEMO_TRAININGS[type].installs;
  for (const other of others) await installModel(env, other);
  const model = options.model ?? (await installModel(env, base));
  const starting = startService(env, say);
  let interrupted = false;
  const stopOnSignal = () => {
    interrupted = true;
    console.log('\nStopping; the run goes on with the next `npm start`.');
    void starting.then((service) => service.stop()).finally(() => process.exit(130));
  };
  process.once('SIGINT', stopOnSignal).once('SIGTERM', stopOnSignal);
  const service = await starting;
  try {
    const api = new ApiClient(service.apiUrl, env.apiKeys[0]);
    const { dir, datasets } = await chooseData(env, options.data);
    const project = await prepareProject(api, dir, datasets, type, model, maxRows);
    const pool = await api.workers();
    if (pool.jobs_in_queue + pool.busy_workers > 0)
      console.log('An earlier run of this home has not ended: it goes on first, this one waits behind it.');
    // One that is just starting shows `stopped`.
    if (pool.workers.every(({ status }) => status === 'error')) await api.startWorkers(1);
    const trained = await trainAndWatch(api, project, options.kill === true);
    console.log(resultTable(trained.validation));
    if (options.kill) await compareWithUndisturbed(api, project, trained);
    showPlaces(trained, service);
  } catch (error) {
    // What fails while the service is being ended is no news.
    if (!interrupted) throw error;
  } finally {
    await service.stop();
  }
}

async function chooseData(env: Env, given: string | undefined): Promise<{ dir: string; datasets: DemoDataset[] }> {
  if (given) return { dir: resolve(given), datasets: PUBLISHED_DATASETS };
  const dir = join(env.home, 'demo');
  await generateDemoData(dir);
  return { dir, datasets: DEMO_DATASETS };
}

async function prepareProject(
  api: ApiClient,
  dir: string,
  datasets: DemoDataset[],
  type: DemoType,
  model: string,
  maxRows: number,
): Promise<number> {
  const traits = new Map<string, { dataset_id: number; percentage: number }[]>();
  for (const dataset of datasets) {
    const { id, row_count, usable_row_count } = await api.uploadDataset(join(dir, dataset.file));
    console.log(
      `Uploaded ${dataset.file}: ${row_count} rows, ${usable_row_count} usable; ${dataset.percentage} % of ${dataset.trait}.`,
    );
    traits.set(dataset.trait, [
      ...(traits.get(dataset.trait) ?? []),
      { dataset_id: id, percentage: dataset.percentage },
    ]);
  }
  const id = await api.createProject({
    name: 'Demo',
    base_model: model,
    max_rows: maxRows,
    output_directory: 'demo',
    traits: [...traits].map(([trait_type, shares]) => ({ trait_type, datasets: shares })),
    training_type: type,
    ...DEMO_TRAININGS[type].settings,
  });
  console.log(`Project ${id}: ${type} of ${model}.`);
  return id;
}

/** Starts a run and shows it until it ends; half-way, kills its worker once if asked to. */
async function trainAndWatch(api: ApiClient, id: number, kill: boolean): Promise<WatchedProject> {
  await api.startProject(id);
  const startedAt = performance.now();
  let firstStepMs: number | null = null;
  let killedAtStep: number | null = null;
  let resumedAtStep: number | null = null;
  for (;;) {
    const project = await api.project(id);
    show(project);
    if (firstStepMs === null && project.current_step > 0) firstStepMs = performance.now() - startedAt;
    if (killedAtStep !== null && resumedAtStep === null && project.current_step < killedAtStep) {
      resumedAtStep = project.current_step;
    }
    if (
      kill &&
      killedAtStep === null &&
      project.total_steps !== null &&
      project.current_step >= project.total_steps / 2 + 1
    ) {
      killedAtStep = (await killWorkerOf(api, project)) ? project.current_step : null;
    }
    if (['completed', 'failed', 'cancelled'].includes(project.status)) {
      process.stdout.write('\n');
      if (project.status !== 'completed') throw new Error(`The run ${project.status}: ${project.error_message ?? ''}`);
      console.log(
        `First step after ${seconds(firstStepMs ?? 0)}; all of it took ${seconds(performance.now() - startedAt)}.`,
      );
      if (killedAtStep !== null) {
        const twice = resumedAtStep === null ? 0 : killedAtStep - resumedAtStep;
        console.log(
          `Killed at step ${killedAtStep}, gone on after step ${resumedAtStep ?? killedAtStep}: ${twice} ${twice === 1 ? 'step' : 'steps'} done twice (saved every ${SAVE_STEPS}).`,
        );
      }
      return project;
    }
    await after(LOOK_EVERY_MS);
  }
}

async function killWorkerOf(api: ApiClient, project: WatchedProject): Promise<boolean> {
  const worker = (await api.workers()).workers.find(({ id }) => id === project.worker_id);
  if (!worker?.pid) return false;
  const pids = await killWorkerAndTrainer(worker.pid);
  console.log(
    `\nSIGKILL to ${worker.id} and its trainer (${pids.join(', ')}) at step ${project.current_step}. Nobody tells the service; it has to notice.`,
  );
  return true;
}

let lastShown = '';

/** A bar that is drawn over itself at a terminal, and a line per change of phase or tenth elsewhere. */
function show(project: WatchedProject): void {
  const { status, phase, current_step: step, total_steps: total, current_loss, tokens_per_s, seconds_left } = project;
  const done = total ? Math.floor((20 * step) / total) : 0;
  const figures =
    step > 0
      ? ` step ${step}/${total}  ${current_loss === null ? '' : `loss ${current_loss.toFixed(3)}  `}${tokens_per_s?.toFixed(0)} tokens/s  ${phase === 'training' ? `${seconds(1000 * (seconds_left ?? 0))} left` : ''}`
      : '';
  const line = `[${'#'.repeat(done)}${'.'.repeat(20 - done)}] ${status}, ${phase}${figures}`;
  if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${line.slice(0, process.stdout.columns - 1)}`);
  else {
    const key = `${status} ${phase} ${Math.floor(done / 2)}`;
    if (key !== lastShown) console.log(line);
    lastShown = key;
  }
}

/** Trains the same again without a kill; the weights must not differ in a bit. */
async function compareWithUndisturbed(api: ApiClient, id: number, killed: WatchedProject): Promise<void> {
  console.log('The same run again, undisturbed:');
  const undisturbed = await trainAndWatch(api, id, false);
  console.log(`Weights of the killed run       sha256 ${killed.weights_sha256}`);
  console.log(`Weights of the undisturbed run  sha256 ${undisturbed.weights_sha256}`);
  if (killed.weights_sha256 !== undisturbed.weights_sha256)
    throw new Error('The weights differ: resuming is not exact.');
  console.log('Equal.');
}

function showPlaces(project: WatchedProject, service: RunningService): void {
  console.log(`
Output        ${project.output_path}
Report        ${service.apiUrl}/api/v1/projects/${project.id}/report.md
Page          ${service.apiUrl}/projects/${project.id}
Temporal UI   ${service.temporalUiUrl ?? service.temporalAddress}
The service ends with the demo; \`npm start\` brings it and all of this back.
`);
}

function seconds(ms: number): string {
  return ms >= 90_000 ? `${(ms / 60_000).toFixed(1)} min` : `${(ms / 1000).toFixed(0)} s`;
}
