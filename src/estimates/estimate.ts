import {
  type Certainty,
  type Correction,
  correctionOf,
  type Figures,
  type Kind,
  type Measurement,
} from './correction.ts';
import { type DiskParts, diskOf } from './disk.ts';
import { hostMemoryBesideGpu, type MemoryParts, memoryOf, peakOf } from './memory.ts';
import { TIME_PARTS, type TimeParts, timeOf } from './time.ts';
import { longestOf, type Training, weightBytes } from './training.ts';

/** A training to estimate, with what tells its kind. */
export interface Estimated {
  training: Training;
  epochs: number;
  deviceName: string;
  /** Of the base model's very files. */
  model: string;
}

/** What a training takes, corrected by what was measured of others. */
export interface Prediction {
  memory: { bytes: number; needed: number; parts: MemoryParts; withinPercent: number };
  disk: { bytes: number; parts: DiskParts };
  time: { seconds: number; parts: TimeParts; withinPercent: number };
  /** Of the host's memory: on the CPU the same; beside a GPU, the trainer itself, the files that it reads, and the copy of a checkpoint. */
  hostBytes: number;
  certainty: Certainty;
  basedOnRuns: number;
}

/** What is computed alone: kept with what is measured of a run, so that later ones can be corrected. */
export function figuresOf({ training, epochs }: Pick<Estimated, 'training' | 'epochs'>): Figures {
  const { prepare, load, train, evaluate, save, validate } = timeOf(training, epochs, diskOf(training));
  return {
    memory_bytes: peakOf(memoryOf(training), training.settings).bytes,
    // Nobody can tell steps from evaluations between them by the clock of the events.
    seconds: { prepare, load, train: train + evaluate, save, validate },
  };
}

export function kindOf({ training, deviceName, model }: Estimated): Kind {
  const { shape, settings, device } = training;
  return {
    device_kind: device.kind,
    device_name: deviceName,
    threads: device.threads,
    model,
    model_type: shape.modelType,
    parameters: shape.parameters,
    training_type: nameOf(training),
    weight_bytes: weightBytes(training),
    activation_checkpointing: settings.activation_checkpointing === true,
    batch_size: settings.batch_size,
    longest_tokens: longestOf(training),
  };
}

/** As measured runs are called: those of pairs apart. Adapters on the base as it is were the only ones that learnt from pairs once. */
function nameOf({ type, isOfPairs }: Training): string {
  if (!isOfPairs) return type;
  return type === 'lora' ? 'dpo' : `dpo ${type}`;
}

/** @param measurements of runs that have finished, of whatever kind */
export function predict(estimated: Estimated, measurements: Measurement[]): Prediction {
  const { training, epochs } = estimated;
  const kind = kindOf(estimated);
  const ofMemory = correctionOf('memory', kind, measurements, ({ memory_bytes }) => memory_bytes);
  const ofTime = Object.fromEntries(
    TIME_PARTS.map((part) => {
      const name = part === 'evaluate' ? 'train' : part;
      return [part, correctionOf('time', kind, measurements, ({ seconds }) => seconds[name])];
    }),
  ) as Record<keyof TimeParts, Correction>;
  const memory = memoryOf(training);
  memory.correction = Math.round((ofMemory.factor - 1) * peakOf(memory, training.settings).bytes);
  const disk = diskOf(training);
  const computed = timeOf(training, epochs, disk);
  const time = Object.fromEntries(
    TIME_PARTS.map((part) => [part, computed[part] * ofTime[part].factor]),
  ) as unknown as TimeParts;
  return {
    memory: { ...peakOf(memory, training.settings), parts: memory, withinPercent: ofMemory.withinPercent },
    disk: { bytes: sum(Object.values(disk)), parts: disk },
    time: { seconds: sum(Object.values(time)), parts: time, withinPercent: ofTime.train.withinPercent },
    hostBytes: training.device.kind === 'cpu' ? peakOf(memory, training.settings).bytes : hostMemoryBesideGpu(training),
    certainty: ofMemory.certainty,
    basedOnRuns: ofMemory.basedOnRuns,
  };
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
