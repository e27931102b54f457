import type { Prediction } from '../../estimates/estimate.ts';
import type { Remedy } from '../../estimates/remedies.ts';
import type { PlannedDevice } from './devices.ts';

/** What the sentences are made from. */
interface Looked {
  device: PlannedDevice;
  prediction: Prediction;
  freeBytes: number;
  areLengthsKnown: boolean;
}

/** What speaks against a training, as sentences; `fits`: as far as can be said, it has enough of everything. */
export function problemsOf({ device, prediction, freeBytes, areLengthsKnown }: Looked): {
  problems: string[];
  fits: boolean;
} {
  const { memory, disk } = prediction;
  const isTooLarge = memory.needed > device.memoryBytes;
  const isTooMuch = disk.bytes > freeBytes;
  const problems = [
    isTooLarge && `It needs about ${gb(memory.needed)} of memory, and ${nameOf(device)} has ${gb(device.memoryBytes)}.`,
    isTooMuch && `It needs about ${gb(disk.bytes)} of the disk, where ${gb(freeBytes)} are free.`,
    !isTooLarge &&
      memory.needed > device.availableBytes &&
      `It needs about ${gb(memory.needed)} of memory, and of ${nameOf(device)} ${gb(device.availableBytes)} are free just now: other processes have the rest.`,
    !areLengthsKnown && 'Its tokens were not counted: each row is taken to be as long as max_length allows.',
  ];
  return { problems: problems.filter((problem) => problem !== false), fits: !isTooLarge && !isTooMuch };
}

/** As {"batch_size": 2, "gradient_accumulation": 8} (1.9 GB). */
export function sentenceOf({ change, memoryBytes }: Remedy): string {
  if ('host' in change) return `A worker on ${change.device} of ${change.host} has enough memory.`;
  return `${JSON.stringify(change).replaceAll('":', '": ').replaceAll(',"', ', "')} takes about ${gb(memoryBytes)}.`;
}

export function nameOf({ host, device, name }: PlannedDevice): string {
  return device === 'cpu' ? `the host ${host}` : `${device} of ${host} (${name})`;
}

export function gb(bytes: number): string {
  return bytes < 1e8 ? `${(bytes / 1e6).toFixed(0)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
