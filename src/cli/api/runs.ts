import { CommandFailure } from '../exit-codes.ts';
import { type RunName, textOf } from '../runs/run-name.ts';
import { bodyOf, type Client } from './client.ts';
import type { Job, ListedRun, Project, QueueChange, Report, Run, TrackersOfRun } from './types.ts';

/** What is shown of a run while it is under way; null what is not told of an earlier run. */
export type RunProgress = Pick<
  ListedRun,
  | 'status'
  | 'progress'
  | 'current_step'
  | 'total_steps'
  | 'current_loss'
  | 'error_message'
  | 'pause_reason'
  | 'waiting_for'
  | 'queue_place'
  | 'waits_because'
  | 'output_path'
  | 'verdict'
  | 'verdict_summary'
> & { phase: ListedRun['phase'] | null; tokens_per_s?: number | null; seconds_left?: number | null };

/** A job or a project. @throws CommandFailure where there is none */
export async function ownerOf(client: Client, { kind, id }: RunName): Promise<Job | Project> {
  const params = { path: { id } };
  return kind === 'job'
    ? await bodyOf(client.GET('/api/v1/jobs/{id}', { params }))
    : await bodyOf(client.GET('/api/v1/projects/{id}', { params }));
}

/** The run that is named, of its own or as its owner shows it. @throws CommandFailure where there is none */
export async function progressOf(client: Client, name: RunName): Promise<(Job | Project | Run) & RunProgress> {
  return name.run === undefined ? await ownerOf(client, name) : await runOf(client, name, name.run);
}

/** @throws CommandFailure where the job or project has no such run */
export async function runOf(client: Client, { kind, id }: RunName, run: number): Promise<Run> {
  for (let page = 1; ; page += 1) {
    const params = { path: { id }, query: { page, page_size: 100 } };
    const { items, pages } =
      kind === 'job'
        ? await bodyOf(client.GET('/api/v1/jobs/{id}/runs', { params }))
        : await bodyOf(client.GET('/api/v1/projects/{id}/runs', { params }));
    const found = items.find(({ number }) => number === run);
    if (found) return found;
    if (page >= pages) throw new CommandFailure(`${textOf({ kind, id })} has no run ${run}.`);
  }
}

/** Base against tuned; null where the run has none. */
export async function reportOf(client: Client, { kind, id, run }: RunName): Promise<Report | null> {
  const params = { path: { id }, query: run === undefined ? {} : { run } };
  try {
    return kind === 'job'
      ? await bodyOf(client.GET('/api/v1/jobs/{id}/report', { params }))
      : await bodyOf(client.GET('/api/v1/projects/{id}/report', { params }));
  } catch (error) {
    // The API says so of a run that has none yet, or never will.
    if (error instanceof CommandFailure && error.exitCode === 1) return null;
    throw error;
  }
}

type Act = 'pause' | 'resume' | 'cancel';

export async function actOn(client: Client, { kind, id }: RunName, act: Act): Promise<Job | Project> {
  const params = { path: { id } };
  const ofJob = {
    pause: () => client.POST('/api/v1/jobs/{id}/pause', { params }),
    resume: () => client.POST('/api/v1/jobs/{id}/resume', { params }),
    cancel: () => client.POST('/api/v1/jobs/{id}/cancel', { params }),
  };
  const ofProject = {
    pause: () => client.POST('/api/v1/projects/{id}/pause', { params }),
    resume: () => client.POST('/api/v1/projects/{id}/resume', { params }),
    cancel: () => client.POST('/api/v1/projects/{id}/cancel', { params }),
  };
  return kind === 'job' ? await bodyOf(ofJob[act]()) : await bodyOf(ofProject[act]());
}

export async function changeQueue(client: Client, { kind, id }: RunName, body: QueueChange): Promise<Job | Project> {
  const asked = { params: { path: { id } }, body };
  return kind === 'job'
    ? await bodyOf(client.POST('/api/v1/jobs/{id}/queue', asked))
    : await bodyOf(client.POST('/api/v1/projects/{id}/queue', asked));
}

/** Runs it again, from its last checkpoint or from step 0. Asked for twice with one key, it happens once. */
export async function runAgain(
  client: Client,
  { kind, id }: RunName,
  { key, ...body }: { fresh: boolean; force: boolean; download: true | undefined; key: string },
): Promise<Job | Project> {
  const asked = { params: { path: { id }, header: { 'Idempotency-Key': key } }, body };
  return kind === 'job'
    ? await bodyOf(client.POST('/api/v1/jobs/{id}/start', asked))
    : await bodyOf(client.POST('/api/v1/projects/{id}/retry', asked));
}

/** How far the trackers of its latest run have it, or of the one that is named. */
export async function trackersOf(client: Client, { kind, id, run }: RunName): Promise<TrackersOfRun['items']> {
  const params = { path: { id }, query: run === undefined ? {} : { run } };
  const { items } = await bodyOf(
    kind === 'job'
      ? client.GET('/api/v1/jobs/{id}/trackers', { params })
      : client.GET('/api/v1/projects/{id}/trackers', { params }),
  );
  return items;
}
