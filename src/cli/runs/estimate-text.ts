import type { Estimate, Plan } from '../api/types.ts';
import { bytes, duration } from '../terminal/numbers.ts';

/** What a training takes, in two lines; then what speaks against it, what would fit, and why a batch is as large as it is. */
export function estimateLines({
  estimate,
  no_estimate,
  batch,
}: Pick<Plan, 'estimate' | 'no_estimate' | 'batch'>): string[] {
  const chosen = batch.reason === null ? [] : [`Batch: ${batch.reason}`];
  if (estimate === null) return [`No estimate: ${no_estimate}`, ...chosen];
  return [
    `Estimate: ${[memoryText(estimate), duration(estimate.time.seconds), diskText(estimate), queueText(estimate)].join(', ')}.`,
    `It is ${CERTAINTY[estimate.certainty](estimate.based_on_runs)}: memory within ${estimate.within_percent} %, time within ${estimate.time.within_percent} %.`,
    ...chosen,
    ...estimate.problems,
    ...estimate.remedies.map(({ sentence }) => `Would fit: ${sentence}`),
  ];
}

const CERTAINTY: Record<Estimate['certainty'], (runs: number) => string> = {
  measured: (runs) => `measured, by ${runs === 1 ? 'a run' : `${runs} runs`} of this model and type`,
  similar: (runs) => `measured, by ${runs === 1 ? 'a run' : `${runs} runs`} of a model like it`,
  computed: () => 'computed, and no run like it was measured yet',
};

function memoryText({ memory, device }: Estimate): string {
  const where = device.count > 1 ? `each device of ${device.host}` : device.host;
  return `${bytes(memory.needed_bytes)} of the ${bytes(device.memory_bytes)} of memory on ${where} (${device.name})`;
}

function diskText({ disk }: Estimate): string {
  return `${bytes(disk.bytes)} of the ${bytes(disk.free_bytes)} free on the disk`;
}

function queueText({ time: { queue_seconds } }: Estimate): string {
  if (queue_seconds === null) return 'nobody knows yet when a worker takes it';
  return queue_seconds === 0 ? 'a worker is free' : `a worker takes it in ${duration(queue_seconds)}`;
}
