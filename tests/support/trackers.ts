import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import type { z } from 'zod';
import { killWorkerAndTrainer } from '../../examples/demo/kill.ts';
import type { TrackersOfRunSchema } from '../../src/api/runs/tracker-schema.ts';
import type { Tracker } from '../../src/models/trackers/trackers.ts';
import type { Env } from '../../src/platform/env.ts';
import { PROJECT_ROOT } from '../../src/platform/project-root.ts';
import { ensureTrackerPython } from '../../src/platform/python.ts';
import { jobsOf } from './jobs.ts';
import { processesOf } from './processes.ts';
import { csvRows } from './rows.ts';
import { clientOf, until } from './service.ts';
import type { KillableService } from './started-service.ts';

type Delivery = z.infer<typeof TrackersOfRunSchema>['items'][number];

/** What a tracker has of a run, as its own client reads it. */
interface Kept {
  /** In the order in which they are kept: step and loss. */
  steps: [number, number][];
  /** The steps of held-out losses over all traits. */
  evals: number[];
  params: Record<string, unknown>;
  /** Everything that it was told at the end. */
  end: Record<string, unknown>;
  /** Of wandb alone: where and as what. */
  named?: Record<string, unknown>;
}

/**
 * Trains a job that these trackers are told of, with a SIGKILL of the sender, of the orchestrator and of the worker with its trainer; then
 * reads back what they have. Each must have each step once, in order, with its loss, over all claims.
 * @param meanwhile done between the kills
 * @returns the address of the service, which runs on
 */
export async function proveThreeKills(
  killable: KillableService,
  trackers: Tracker[],
  meanwhile: { away(): Promise<void>; back(): Promise<void> } = { away: async () => {}, back: async () => {} },
): Promise<string> {
  // Made before, or the run would have ended first.
  await ensureTrackerPython({ env: killable.env, onProgress: (line) => console.log(line) });
  const apiUrl = await killable.start();
  const service = { apiUrl, ...clientOf(apiUrl) };
  const find = async (what: RegExp) => (await processesOf(killable.env.home)).find(({ command }) => what.test(command));
  const kill = async (what: RegExp) => {
    const { pid } = await until(String(what), () => find(what));
    process.kill(pid, 'SIGKILL');
  };
  await until('a host', async () => {
    const { status } = await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
    return status < 300 ? true : null;
  });
  const { body: dataset } = await service.upload('rows.csv', csvRows(200));
  const jobs = jobsOf(service, Number(dataset.id));
  const shown = async () => (await service.call('GET', `/jobs/${job}/trackers`)).body.items as Delivery[];
  const job = await jobs.create({ trackers, training_type: 'standard', epochs: 10, eval_steps: 200 });
  await until('a tracker that has a step', async () => (await shown()).find(({ step }) => step > 0));
  await meanwhile.away();
  await kill(/trainer\.send_figures/);
  const { current_step } = await jobs.get(job);
  await jobs.atStep(job, Number(current_step) + 15);
  await kill(/main\.js orchestrator\s*$/);
  await jobs.atStep(job, Number(current_step) + 30);
  const { worker_id, current_step: last } = await jobs.get(job);
  const workers = (await service.call('GET', '/workers/')).body.workers as { id: string; pid: number }[];
  await killWorkerAndTrainer(workers.find(({ id }) => id === worker_id)?.pid ?? 0);
  await jobs.atStep(job, Number(last) + 30);
  await meanwhile.back();
  const ended = await jobs.ended(job);
  assert.equal(ended.status, 'completed', String(ended.error_message));
  const deliveries = await until('everything to be delivered', async () => {
    const now = await shown();
    return now.every(({ status }) => status === 'delivered') ? now : null;
  });
  const { points } = (await service.call('GET', `/jobs/${job}/metrics?points=1000`)).body as {
    points: { step: number; loss: number; eval_loss: number | null }[];
  };
  const made = points.filter(({ step }) => step > 0);
  assert.equal(made.length, ended.total_steps);
  const claims = new Set(stepsOfClaims(await jobs.eventsOf(job)));
  assert.ok(claims.size > 1, 'The worker was killed while it trained.');
  const expected = made.map(({ step, loss }): [number, number] => [step, loss]);
  for (const { tracker, address, external_id } of deliveries) {
    const kept = await readBack(killable.env, tracker, String(external_id));
    assert.deepEqual(kept.steps, expected, tracker);
    const measured = points.filter(({ eval_loss }) => eval_loss !== null).map(({ step }) => step);
    assert.deepEqual(kept.evals, measured, tracker);
    assert.equal(kept.params.base_model, ended.model_name, tracker);
    assert.equal(Number(kept.params.batch_size), 2, tracker);
    assert.ok(String(kept.params['mtm.address']).endsWith(`/jobs/${job}`), tracker);
    assert.equal(kept.end['mtm.status'], 'completed', tracker);
    assert.equal(kept.end.artifact, `file://${ended.output_path}`, tracker);
    assert.ok(address, tracker);
  }
  return apiUrl;
}

/** The claims of a run, as its events tell. */
function stepsOfClaims(events: string): string[] {
  return [...events.matchAll(/"lease_epoch": ?(\d+)/g)].map(([, epoch = '']) => epoch);
}

/** What a tracker has of a run. */
export async function readBack(env: Env, tracker: Tracker, externalId: string): Promise<Kept> {
  const python = await ensureTrackerPython({ env, onProgress: () => {} });
  const reader = join(PROJECT_ROOT, 'tests', 'support', 'read_tracker.py');
  const place = { mlflow: env.mlflowUrl, wandb: env.wandbDir, trackio: env.trackioDir }[tracker] ?? '';
  const { stdout } = await execa(python, [reader, tracker, place, env.trackerProject, externalId], {
    env: { TRACKIO_DIR: place },
  });
  return JSON.parse(stdout) as Kept;
}

/** Everything that a service wrote about trackers, for secrets that must not be in it. */
export async function logOfSenders({ home }: Pick<Env, 'home'>): Promise<string> {
  return await readFile(join(home, 'logs', 'trackers.log'), 'utf8');
}
