import { readdir, readlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isFinal, type RunStatus } from '../../src/models/runs/statuses.ts';
import { trainersOf } from '../support/trainers.ts';
import type { Drive } from './drive.ts';
import { type Evidence, gather, wrongFiles } from './evidence.ts';
import { removeLink, writtenElsewhere } from './link-strike.ts';
import type { ChaosWorld } from './world.ts';

/** What a run of the same spec and seed gave that nothing happened to. */
export type References = ReadonlyMap<string, string>;

type Check = (evidence: Evidence, references: References) => string[] | Promise<string[]>;

/** Written outside of a lease on purpose: they tell of writes that were refused. */
const OUTSIDE_OF_LEASE = ['refused_write'];
const LAST_WITH_LINK = 'A link leads nothing out';

/** One check per invariant; each gives a sentence for whatever breaks it. */
const CHECKS: Record<string, Check> = {
  'I1 ends exactly once': ({ run, runsOfOwner, events, drive, mayFail }) => {
    const ends = events.filter(({ kind, data }) => kind === 'status' && isFinal(data.status as RunStatus));
    return [
      ...(drive.isStuck || !isFinal(run.status)
        ? [`is stuck: ${run.status}, ${run.phase}, step ${run.current_step}`]
        : []),
      ...(ends.length === 1 ? [] : [`has ${ends.length} final events`]),
      ...(runsOfOwner === 1 ? [] : [`has ${runsOfOwner} runs for one request`]),
      ...(run.status === 'failed' && !mayFail?.because.test(run.error_message ?? '')
        ? [`failed: ${run.error_message}`]
        : []),
    ];
  },
  'I2 nothing follows the end': ({ run, events }) => {
    const end = events.findIndex(({ kind, data }) => kind === 'status' && isFinal(data.status as RunStatus));
    const later = end < 0 ? [] : events.slice(end + 1).filter(({ kind }) => !OUTSIDE_OF_LEASE.includes(kind));
    const last = events.findLast(({ kind }) => kind === 'status')?.data.status;
    return [
      ...later.map(({ kind, data }) => `${kind} after its end: ${JSON.stringify(data)}`),
      ...(last === run.status ? [] : [`its row says ${run.status}, its last event ${last}`]),
    ];
  },
  'I3 one writer at a time': ({ run, events, metrics }) => {
    const wrong: string[] = [];
    let epoch = 0;
    for (const { kind, data } of events) {
      const of = data.lease_epoch;
      if (typeof of !== 'number' || OUTSIDE_OF_LEASE.includes(kind)) continue;
      if (of < epoch) wrong.push(`${kind} of claim ${of} was written after claim ${epoch} began`);
      if (kind === 'status' && data.status === 'running' && of !== epoch + 1)
        wrong.push(`claim ${of} followed claim ${epoch}`);
      epoch = Math.max(epoch, of);
    }
    if (epoch !== run.lease_epoch) wrong.push(`its row is at claim ${run.lease_epoch}, its events at ${epoch}`);
    // A step that is done again moves to the end of the stream: one out of order was written by somebody else. In a run
    // that ended early, the steps that were not done again lie before those that were.
    const unordered = metrics.filter(
      ({ step }, place) => run.status === 'completed' && place > 0 && step <= (metrics[place - 1]?.step ?? 0),
    );
    return [...wrong, ...unordered.map(({ step }) => `step ${step} was written after a later one`)];
  },
  'I4 checkpoints only go forward': ({ events }) => {
    const wrong: string[] = [];
    let committed = 0;
    for (const { kind, data } of events) {
      // A fallback is explicit: what did not verify was put aside, and an event says so.
      if (kind === 'quarantined') committed = 0;
      if (kind === 'resumed' && Number(data.step) < committed)
        wrong.push(`went on from step ${data.step}, with a checkpoint of ${committed}`);
      if (kind === 'checkpoint') {
        if (Number(data.step) < committed) wrong.push(`checkpoint ${data.step} after ${committed}`);
        committed = Math.max(committed, Number(data.step));
      }
    }
    return wrong;
  },
  'I5 the same weights': ({ run, drive }, references) => {
    const expected = references.get(drive.plan.spec);
    if (run.status !== 'completed' || expected === undefined || run.result?.weights_sha256 === expected) return [];
    return [`its weights are ${run.result?.weights_sha256}, those of an undisturbed run ${expected}`];
  },
  'I5 each step once': ({ run, metrics }) => {
    if (run.status !== 'completed') return [];
    const steps = metrics.map(({ step }) => step).sort((a, b) => a - b);
    const missing = Array.from({ length: run.total_steps ?? 0 }, (_, n) => n + 1).filter(
      (step) => !steps.includes(step),
    );
    return [
      ...(missing.length > 0 ? [`has no metrics of step ${missing.join(', ')}`] : []),
      ...(steps.length > (run.total_steps ?? 0) ? [`has ${steps.length} steps of ${run.total_steps}`] : []),
    ];
  },
  'I7 database and Temporal agree': ({ run, events, workflow }) => {
    if (!workflow) return run.status === 'cancelled' ? [] : ['has no workflow'];
    return [
      ...(workflow.executions === 1 ? [] : [`was started ${workflow.executions} times`]),
      ...(run.workflow_closed_at ? [] : ['its row does not know that its workflow ended']),
      // Nothing here makes them contradict for longer than a server is away, so there is nothing to mend.
      ...events.filter(({ kind }) => kind === 'reconciled').map(({ data }) => `was mended: ${data.found} ${data.done}`),
      // A cancelled workflow ends as Temporal's own CANCELLED once its last write is done.
      ...((workflow.outcome ?? workflow.status.toLowerCase()) === run.status
        ? []
        : [`its row says ${run.status}, its workflow ${workflow.status} ${workflow.outcome}`]),
    ];
  },
  'I8 cancel wins': ({ run, cancel }) => [
    ...(cancel === 'acknowledged' && run.status !== 'cancelled' ? [`was cancelled and is ${run.status}`] : []),
    ...(cancel === undefined && run.status === 'cancelled' ? ['is cancelled and nobody asked'] : []),
  ],
  [LAST_WITH_LINK]: async ({ mayFail }) =>
    mayFail
      ? (await writtenElsewhere(mayFail.elsewhere)).map((name) => `wrote or removed ${name} where a link led`)
      : [],
  'A paused run holds no worker': ({ events }) => {
    let isPaused = false;
    const wrong: string[] = [];
    for (const { kind, data } of events) {
      if (kind === 'pause' || kind === 'resume') isPaused = kind === 'pause';
      if (isPaused && kind === 'status' && data.status === 'running' && data.phase !== 'publishing')
        wrong.push(`was claimed (${data.lease_epoch}) while it was paused`);
    }
    return wrong;
  },
  'I9 nothing half-done is left': async ({ run, mayFail }) => {
    const names = await readdir(run.output_directory).catch((): string[] => []);
    const halfDone = names.filter(
      // Others publish into the same directory, and may be at it.
      (name) => name.startsWith(`.${run.workflow_id}.partial`) || name.startsWith(`.latest-${run.workflow_id}-`),
    );
    const isPublished = names.includes(run.workflow_id);
    return [
      // What was exported before its folder was taken away could not be removed there.
      ...(mayFail ? [] : halfDone).map((name) => `left ${name}`),
      ...(isPublished === (run.status === 'completed')
        ? []
        : [`is ${run.status}, and its output is ${isPublished ? '' : 'not '}there`]),
      ...(run.lease_expires_at === null || !isFinal(run.status) ? [] : ['still has a lease']),
    ];
  },
  'I10 completed is complete': async ({ run, events }) => {
    if (run.status !== 'completed') return [];
    if (!run.output_path) return ['has no output'];
    const steps = [run.current_step, run.result?.final_step].every((step) => step === run.total_steps);
    const latest = await readlink(join(dirname(run.output_path), 'latest')).catch(() => null);
    // A convenience: a disk that would not have it must not keep a model from being published, and is told.
    const isTold = events.some(
      ({ kind, data }) => kind === 'warning' && /the link .* could not be set/.test(String(data.message)),
    );
    return [
      ...(steps
        ? []
        : [`is completed at step ${run.current_step} (result ${run.result?.final_step}) of ${run.total_steps}`]),
      ...(latest === null && !isTold ? ['has no link latest beside it'] : []),
      ...(await wrongFiles(run.output_path, run.result?.weights_sha256)),
    ];
  },
};

/** What is wrong with one run that ended, by all invariants. */
export async function violationsOf(world: ChaosWorld, drive: Drive, references: References): Promise<string[]> {
  const evidence = await gather(world, drive);
  const found: string[] = [];
  for (const [invariant, check] of Object.entries(CHECKS)) {
    for (const sentence of await check(evidence, references)) found.push(`${invariant}: ${drive.name} ${sentence}.`);
    // The other checks look at what the run has where it belongs.
    if (invariant === LAST_WITH_LINK && evidence.mayFail) await removeLink(evidence.mayFail);
  }
  const orphans = (await trainersOf(world.service.env.home)).filter(({ runId }) => runId === evidence.run.id);
  if (isFinal(evidence.run.status))
    found.push(...orphans.map(({ file, pid }) => `I9: ${drive.name} left a trainer (${file}, pid ${pid}).`));
  return found;
}
