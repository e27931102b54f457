import { randomUUID } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { median } from '../support/figures.ts';
import type { BatchOptions, BatchOutcome, EndedCase } from './batch.ts';
import { BESIDES } from './besides.ts';
import { FAULTS } from './faults.ts';
import { type Hit, since } from './measure.ts';

/** What is above this line in a report is written by hand, and stays. */
const GENERATED = '<!-- Below: written by npm run chaos -- --report -->';
/** What the service may take beside the heartbeat timeout and the loading of the model. */
const SLACK_MS = 5_000;

/** The figures of a batch, as text for a terminal and as Markdown alike. */
export function report(outcome: BatchOutcome, options: Pick<BatchOptions, 'atOnce' | 'heartbeatTimeoutMs'>): string {
  const { ended, seconds } = outcome;
  const by = (status: string) => ended.filter((each) => each.status === status).length;
  const violations = violationsIn(outcome);
  const seeds = [...new Set(ended.map(({ seed }) => seed))].join(', ');
  const missed = ended.reduce((sum, { drive }) => sum + drive.missed.length, 0);
  const forLinks = ended.filter(({ status, violations: broken }) => status === 'failed' && broken.length === 0).length;
  const idle = hitsOf(ended).filter(({ isOwn, isIdle }) => isOwn && isIdle).length;
  return [
    `${new Date().toISOString().slice(0, 10)}, seed ${seeds}: ${ended.length} runs in ${(seconds / 60).toFixed(1)} minutes, ${options.atOnce} at once on ${availableParallelism()} CPU cores, heartbeat timeout ${options.heartbeatTimeoutMs / 1_000} s.`,
    `${by('completed')} completed, ${by('cancelled')} cancelled, ${by('failed')} failed (${forLinks} of them for a link in place of a folder, as they must); ${violations.length} violations of an invariant. ${missed} faults found their run ended already, ${idle} found no file call to hit. Losses of power took ${outcome.losses} names and contents of files.`,
    besideLine(ended),
    faultTable(ended),
    splitTable(ended, options.heartbeatTimeoutMs),
    ...(violations.length > 0 ? [violations.map((sentence) => `- ${sentence}`).join('\n')] : []),
  ].join('\n\n');
}

/** Several batches as one, for a report of all. */
export function together(outcomes: BatchOutcome[]): BatchOutcome {
  return {
    ended: outcomes.flatMap(({ ended }) => ended),
    violations: outcomes.flatMap(({ violations }) => violations),
    losses: outcomes.reduce((sum, { losses }) => sum + losses, 0),
    seconds: outcomes.reduce((sum, { seconds }) => sum + seconds, 0),
  };
}

/** Every broken invariant, with how to see it again. */
export function violationsIn({ ended, violations }: BatchOutcome): string[] {
  const ofRuns = ended.flatMap(({ seed, drive, violations: found }) =>
    found.map((sentence) => `${sentence} Again: npm run chaos -- --seed ${seed} --case ${drive.plan.index}`),
  );
  return [...ofRuns, ...violations];
}

/** Puts a report into a file, under what stands there by hand. */
export async function writeReport(file: string, text: string): Promise<void> {
  const before = await readFile(file, 'utf8').catch(() => '# Reliability\n\n');
  const byHand = before.split(GENERATED)[0] ?? '';
  // Whole or not at all: runs that end together write it together, and each reads what is there.
  const partial = `${file}.${randomUUID()}`;
  await writeFile(partial, `${byHand.trimEnd()}\n\n${GENERATED}\n\n${text}\n`);
  await rename(partial, file);
}

function hitsOf(ended: EndedCase[]): Hit[] {
  return ended.flatMap(({ drive }) => drive.hits);
}

/** Hits from which a run came back before anything else hit it: the figures of others belong to two faults. */
function aloneIn(ended: EndedCase[]): Hit[] {
  return ended.flatMap(({ drive: { hits } }) =>
    hits.filter(({ atMs, recovery, isIdle }, place) => {
      const before = hits[place - 1]?.recovery?.progressMs ?? 0;
      const next = hits[place + 1]?.atMs ?? Number.POSITIVE_INFINITY;
      return recovery !== null && !isIdle && before <= atMs && recovery.progressMs <= next;
    }),
  );
}

/** How often each thing happened beside a run. */
function besideLine(ended: EndedCase[]): string {
  const happened = ended.flatMap(({ drive: { beside } }) => beside ?? []);
  const times = BESIDES.map(({ name, does }) => `${happened.filter((each) => each === name).length} times ${does}`);
  return `Beside the runs: ${times.join('; ')}.`;
}

function faultTable(ended: EndedCase[]): string {
  const rows = FAULTS.map(({ name, does }) => {
    const hits = hitsOf(ended).filter(({ fault, isIdle }) => fault === name && !isIdle);
    const alone = aloneIn(ended).filter(({ fault }) => fault === name);
    const recovered = alone.flatMap((hit) =>
      hit.recovery && (hit.wasHeld || hit.kind === 'user') ? [hit.recovery.progressMs - since(hit)] : [],
    );
    const repeated = alone.flatMap(({ recovery }) => recovery?.stepsRepeated ?? []);
    const injected = hits.filter(({ isOwn }) => isOwn).length;
    const times = [recovered.length, inSeconds(median(recovered)), inSeconds(max(recovered))];
    return [does, injected, hits.length, ...times, max(repeated) ?? '–'];
  });
  const head = [
    'Fault',
    'Times',
    'Runs hit',
    'Measured',
    'Goes on after, median',
    'at most',
    'Steps repeated, at most',
  ];
  return table([head, ...rows]);
}

/** How the report names the parts between a SIGKILL and the first new step. */
const PARTS = {
  detection: 'seen: the lease ran out and the heartbeats ended',
  pickup: 'picked up by another worker',
  load: 'model loaded',
  step: 'first new step',
  over: 'all but loading the model',
};

/** From SIGKILL of a worker to the first new step, in its parts. */
function splitTable(ended: EndedCase[], heartbeatTimeoutMs: number): string {
  const parts = aloneIn(ended).flatMap(({ fault, recovery, atMs, detectedMs }) => {
    if (fault !== 'kill worker' || !recovery?.claimedMs || !recovery.loadedMs || !detectedMs) return [];
    const { claimedMs, loadedMs, progressMs } = recovery;
    const detection = Math.min(detectedMs, claimedMs) - atMs;
    const [pickup, load] = [claimedMs - atMs - detection, loadedMs - claimedMs];
    return [{ detection, pickup, load, step: progressMs - loadedMs, over: progressMs - atMs - load }];
  });
  if (parts.length === 0) return 'No SIGKILL of a worker could be split into its parts.';
  const rows = Object.entries(PARTS).map(([part, name]) => {
    const values = parts.map((each) => each[part as keyof typeof PARTS]);
    return [name, inSeconds(median(values)), inSeconds(max(values))];
  });
  const limitMs = heartbeatTimeoutMs + SLACK_MS;
  const late = parts.filter(({ over }) => over > limitMs).length;
  return [
    `From SIGKILL of a worker to the first new step, ${parts.length} times:`,
    table([['Part', 'Median', 'At most'], ...rows]),
    `At most ${limitMs / 1_000} s beside loading the model is the aim (heartbeat timeout + ${SLACK_MS / 1_000} s): ${late} of ${parts.length} took longer.`,
  ].join('\n\n');
}

function table([head = [], ...rows]: (string | number)[][]): string {
  const line = (cells: (string | number)[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, place) => (place === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n');
}

function inSeconds(ms: number | null): string {
  return ms === null ? '–' : `${(ms / 1_000).toFixed(1)} s`;
}

function max(values: number[]): number | null {
  return values.length === 0 ? null : Math.max(...values);
}
