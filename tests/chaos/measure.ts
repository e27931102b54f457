import { setTimeout as after } from 'node:timers/promises';
import { isFinal, type RunStatus } from '../../src/models/runs/statuses.ts';
import type { Kind } from './faults.ts';
import type { ChaosWorld, Submitted } from './world.ts';

const LOOK_EVERY_MS = 60;
/** Why a run goes back to the queue when its holder has done its work. */
const DONE = ['trained', 'validated'];

/** From when on a hit's recovery counts. */
export function since({
  kind,
  atMs,
  brokenMs,
  healedMs,
}: Pick<Hit, 'kind' | 'atMs' | 'brokenMs' | 'healedMs'>): number {
  if (kind === 'pause' || kind === 'disk') return healedMs ?? atMs;
  // A trap is set before anything happens.
  return kind === 'own' ? (brokenMs ?? atMs) : atMs;
}

/** How a run came back from a fault, in milliseconds of the clock that dates rows (this machine's). */
export interface Recovery {
  /** Another claim of the run; null when its holder went on. */
  claimedMs: number | null;
  /** Where that one began to train or to validate: the model is loaded. */
  loadedMs: number | null;
  /** The first new step or transition. */
  progressMs: number;
  /** Steps that were trained once more; null when the run was not claimed for training. */
  stepsRepeated: number | null;
}

/** A fault that hit a run. */
export interface Hit {
  fault: string;
  kind: Kind;
  /** False: it was aimed at another run, and hit the whole service. */
  isOwn: boolean;
  /** When the schedule wanted it, and where the run was. */
  moment: string;
  at: string;
  leaseEpoch: number;
  /** A worker held the run: it was not waiting for one. */
  wasHeld: boolean;
  atMs: number;
  /** When the process was dead, the server away. */
  brokenMs: number | null;
  healedMs: number | null;
  /** SIGKILL of a worker: the lease has run out, and Temporal has given the run up to others. */
  detectedMs: number | null;
  recovery: Recovery | null;
  /** It found no opportunity, see Strike. */
  isIdle: boolean;
}

interface Event {
  kind: string;
  data: Record<string, unknown>;
  created_at: Date;
}

/** Waits until the run goes on after a hit, or has ended; null when it ended without going on. */
export async function measure(world: ChaosWorld, run: Submitted, hit: Hit): Promise<Recovery | null> {
  for (;;) {
    const seen = world.watch.seen(run.runId);
    const isOver = seen !== null && isFinal(seen.status as RunStatus) && seen.isClosed;
    const isBack = hit.kind === 'holder' ? seen !== null && seen.leaseEpoch > hit.leaseEpoch : hit.healedMs !== null;
    if (isOver || (isBack && hit.kind !== 'user')) {
      const recovery = await look(world, run, hit);
      if (recovery || isOver) return recovery;
    }
    await after(LOOK_EVERY_MS);
  }
}

async function look(world: ChaosWorld, run: Submitted, hit: Hit): Promise<Recovery | null> {
  const events = await world.query<Event>(
    'SELECT kind, data, created_at FROM run_events WHERE run_id = $1 AND created_at > $2 ORDER BY seq',
    [run.runId, new Date(hit.atMs)],
  );
  const claim = events.find((event) => isStatus(event, 'running') && Number(event.data.lease_epoch) > hit.leaseEpoch);
  if (hit.kind === 'holder' && !claim) return null;
  const from =
    hit.kind === 'holder' && claim ? claim.created_at : new Date(since({ ...hit, atMs: hit.brokenMs ?? hit.atMs }));
  const later = events.filter(({ created_at }) => created_at > from);
  // Steps of earlier claims that are only reported now are no progress.
  const [step] = await world.query<{ at: Date | null }>(
    'SELECT min(created_at) AS at FROM run_metrics WHERE run_id = $1 AND created_at > $2 AND lease_epoch >= $3',
    [run.runId, from, claim?.data.lease_epoch ?? hit.leaseEpoch],
  );
  const [closed] = await world.query<{ at: Date | null }>('SELECT workflow_closed_at AS at FROM runs WHERE id = $1', [
    run.runId,
  ]);
  const moved = hit.kind === 'service' ? later[0] : later.find(isFurther);
  const times = (hit.kind === 'user' ? [closed?.at] : [step?.at, moved?.created_at]).flatMap((at) =>
    at ? [at.getTime()] : [],
  );
  if (times.length === 0) return null;
  const loaded = claim && events.find((event) => event.created_at > claim.created_at && isLoaded(event));
  // The step was written after the events were read.
  if (step?.at && claim && !loaded) return null;
  return {
    claimedMs: claim?.created_at.getTime() ?? null,
    loadedMs: loaded?.created_at.getTime() ?? null,
    progressMs: Math.min(...times),
    stepsRepeated: claim ? repeated(world, run, Number(claim.data.lease_epoch), events) : null,
  };
}

function isStatus({ kind, data }: Event, status: string): boolean {
  return kind === 'status' && data.status === status;
}

function isLoaded({ kind, data }: Event): boolean {
  return kind === 'validation' || (kind === 'phase' && ['training', 'exporting'].includes(String(data.phase)));
}

/** What a new holder does that is no step of training. */
function isFurther(event: Event): boolean {
  const isExport = event.kind === 'phase' && event.data.phase === 'exporting';
  const isHandedBack = isStatus(event, 'queued') && !DONE.includes(String(event.data.reason));
  const isNext = event.kind === 'status' && !isStatus(event, 'running') && !isHandedBack;
  return event.kind === 'validation' || isExport || isNext;
}

/** From the highest step that was seen before to where the claim went on from. */
function repeated(world: ChaosWorld, run: Submitted, leaseEpoch: number, events: Event[]): number | null {
  const of = events.filter(({ data }) => Number(data.lease_epoch) === leaseEpoch);
  if (!of.some(({ kind }) => kind === 'plan')) return null;
  const from = Number(of.find(({ kind }) => kind === 'resumed')?.data.step ?? 0);
  return Math.max(0, world.watch.lastStepBefore(run.runId, leaseEpoch) - from);
}

/**
 * SIGKILL of a worker: waits until the lease has run out and Temporal has seen that the heartbeats ended, which it shows
 * by another attempt of the activity. Gives when both were so.
 */
export async function measureSplit(world: ChaosWorld, run: Submitted, hit: Hit): Promise<number | null> {
  const before = await attemptOf(world, run);
  let expiresMs = 0;
  for (;;) {
    const seen = world.watch.seen(run.runId);
    if (seen?.status !== 'running' || seen.leaseEpoch > hit.leaseEpoch) return null;
    const [lease] = await world.query<{ at: Date | null; epoch: number }>(
      'SELECT lease_expires_at AS at, lease_epoch AS epoch FROM runs WHERE id = $1',
      [run.runId],
    );
    if (lease?.epoch === hit.leaseEpoch) expiresMs = lease.at?.getTime() ?? expiresMs;
    const now = await attemptOf(world, run);
    if (before !== null && now !== null && now > before) return Math.max(Date.now(), expiresMs);
    await after(LOOK_EVERY_MS);
  }
}

/** The attempt that Temporal is at, of the activity that trains or validates. */
async function attemptOf(world: ChaosWorld, run: Submitted): Promise<number | null> {
  try {
    const { raw } = await world.temporal.workflow.getHandle(run.workflowId).describe();
    const isWork = (name: string | null | undefined) => /^(train|validate)Model$/.test(name ?? '');
    return raw.pendingActivities?.find(({ activityType }) => isWork(activityType?.name))?.attempt ?? null;
  } catch {
    return null;
  }
}
