import type { Estimate, Plan } from '../api/types.ts';
import { asOptions } from '../jobs/hyperparameter-options.ts';
import { bytes, duration } from '../terminal/numbers.ts';

/** How what is to be changed is written where it was asked for: as options of a command, or as fields of a project file. */
export type ChangeText = (change: Estimate['remedies'][number]['change']) => string;

/** What a training takes, in two lines; then what speaks against it, what would fit, and why a batch is as large as it is. */
export function estimateLines({
  estimate,
  no_estimate,
  batch,
}: Pick<Plan, 'estimate' | 'no_estimate' | 'batch'>): string[] {
  const chosen = batch.reason === null ? [] : [`Batch: ${batch.reason}`];
  if (estimate === null) return [`No estimate: ${no_estimate}`, ...chosen];
  return [
    `Estimate: ${[memoryText(estimate), `about ${duration(estimate.time.seconds)}`, diskText(estimate), queueText(estimate)].join(', ')}.`,
    `It is ${certaintyText(estimate)}.`,
    ...chosen,
    ...estimate.problems,
    ...remedyTexts(estimate, asOptions).map((remedy) => `Would fit: ${remedy}`),
  ];
}

const CERTAINTY: Record<Estimate['certainty'], (runs: number) => string> = {
  measured: (runs) => `measured, by ${runs === 1 ? 'a run' : `${runs} runs`} of this model and type`,
  similar: (runs) => `measured, by ${runs === 1 ? 'a run' : `${runs} runs`} of a model like it`,
  computed: () => 'computed, and no run like it was measured yet',
};

/** How sure it is. What may be twice as much says little as a percentage. */
export function certaintyText({ certainty, based_on_runs, within_percent, time }: Estimate): string {
  const longest = duration(time.seconds * (1 + time.within_percent / 100));
  const timeText = time.within_percent < 100 ? `time within ${time.within_percent} %` : `time up to ${longest}`;
  return `${CERTAINTY[certainty](based_on_runs)}: memory within ${within_percent} %, ${timeText}`;
}

export function memoryText({ memory, device }: Estimate): string {
  const where = device.count > 1 ? `each device of ${device.host}` : device.host;
  return `${bytes(memory.needed_bytes)} of the ${bytes(device.memory_bytes)} of memory on ${where} (${device.name})`;
}

function diskText({ disk }: Estimate): string {
  return `${bytes(disk.bytes)} of the ${bytes(disk.free_bytes)} free on the disk`;
}

export function queueText({ time: { queue_seconds } }: Estimate): string {
  if (queue_seconds === null) return 'nobody knows yet when a worker takes it';
  return queue_seconds === 0 ? 'a worker is free' : `a worker takes it in ${duration(queue_seconds)}`;
}

/** What would fit. Another host is not a change of what was asked for: the sentence of the API names it. */
export function remedyTexts({ remedies }: Estimate, textOf: ChangeText): string[] {
  return remedies.map(({ change, memory_bytes, sentence }) =>
    'host' in change ? sentence : `${textOf(change)} (about ${bytes(memory_bytes)})`,
  );
}
