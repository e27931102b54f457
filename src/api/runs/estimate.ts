import { z } from 'zod';
import type { MaybeEstimate } from '../../commands/estimates/estimate-training.ts';
import { sentenceOf } from '../../commands/estimates/problems.ts';
import { CERTAINTIES } from '../../estimates/correction.ts';

const bytes = z.int();
const seconds = z.number();
const percent = z.int().openapi({ description: 'Half the width of the range in which the truth is expected' });
const memoryParts = z.object({
  weights: bytes,
  dequantised_weights: bytes.openapi({
    description: 'On a CPU, weights in 4 bits once more in 16 or 32; done without where memory is short',
  }),
  adapters: bytes,
  gradients: bytes,
  optimizer: bytes,
  activations: bytes.openapi({ description: 'Of the longest batch' }),
  logits: bytes,
  checkpoint_copy: bytes.openapi({ description: 'While a checkpoint is written; done without where memory is short' }),
  overhead: bytes.openapi({ description: 'The trainer itself' }),
  correction: bytes.openapi({ description: 'By how much runs like it took more, or less' }),
});

export const ESTIMATE = {
  device: {
    kind: 'cpu' as const,
    count: 1,
    name: 'AMD EPYC',
    host: 'gpu-1',
    memory_bytes: 25e9,
    available_bytes: 20e9,
  },
  memory: {
    bytes: 3_200_000_000,
    needed_bytes: 3_140_000_000,
    parts: {
      weights: 269_000_000,
      dequantised_weights: 0,
      adapters: 29_000_000,
      gradients: 20_000_000,
      optimizer: 39_000_000,
      activations: 1_867_000_000,
      logits: 503_000_000,
      checkpoint_copy: 59_000_000,
      overhead: 480_000_000,
      correction: -45_000_000,
    },
  },
  host_memory: { bytes: 3_200_000_000, memory_bytes: 25e9, available_bytes: 20e9 },
  disk: {
    bytes: 600_000_000,
    parts: { checkpoints: 176e6, export: 20e6, merge: 269e6, mixture: 81e6, cache: 0, base_copy: 0, start_copy: 0 },
    free_bytes: 50e9,
  },
  time: {
    seconds: 5400,
    within_percent: 15,
    parts: { prepare: 2, load: 6, train: 5200, evaluate: 100, save: 12, validate: 80 },
    queue_seconds: 0,
  },
  steps: 1200,
  tokens: 1_228_800,
  certainty: 'measured' as const,
  based_on_runs: 2,
  within_percent: 5,
  fits: true,
  problems: [],
  remedies: [],
};

/** What a training takes, before it is started. docs/estimates.md explains it. */
export const EstimateSchema = z
  .object({
    device: z.object({
      kind: z.enum(['cpu', 'cuda']),
      count: z.int().openapi({ description: 'GPUs of one run: `memory` is of each of them' }),
      name: z.string(),
      host: z.string(),
      memory_bytes: bytes,
      available_bytes: bytes.openapi({ description: 'Free just now: several processes share it' }),
    }),
    memory: z.object({
      bytes: bytes.openapi({ description: 'At the peak; not all parts are there at the same time' }),
      needed_bytes: bytes.openapi({ description: 'Without what is done without where memory is short' }),
      parts: memoryParts,
    }),
    host_memory: z.object({ bytes, memory_bytes: bytes, available_bytes: bytes }),
    disk: z.object({
      bytes,
      parts: z.object({
        checkpoints: bytes,
        export: bytes,
        merge: bytes,
        mixture: bytes,
        cache: bytes,
        base_copy: bytes.openapi({ description: 'Of a base in fewer bits than 16: in 16, until the run is validated' }),
        start_copy: bytes.openapi({
          description:
            'Of what the run begins from, where that becomes a whole model, and of the base with new tokens: until the run is validated',
        }),
      }),
      free_bytes: bytes,
    }),
    time: z.object({
      seconds,
      within_percent: percent,
      parts: z.object({
        prepare: seconds,
        load: seconds,
        train: seconds,
        evaluate: seconds,
        save: seconds,
        validate: seconds,
      }),
      queue_seconds: seconds.nullable().openapi({ description: 'Until a worker takes it; null: nobody knows' }),
    }),
    steps: z.int(),
    tokens: z.int().nullable(),
    certainty: z.enum(CERTAINTIES).openapi({
      description:
        'measured: by runs of this model, type and device; similar: by runs of its family; computed: by its shapes alone',
    }),
    based_on_runs: z.int(),
    within_percent: percent,
    fits: z.boolean(),
    problems: z.array(z.string()),
    remedies: z.array(
      z.object({
        change: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
        memory_bytes: bytes,
        sentence: z.string(),
      }),
    ),
  })
  .openapi('Estimate', { example: ESTIMATE });

/** Fields of an answer that holds one. */
export const estimateFields = {
  estimate: z.union([EstimateSchema, z.null()]),
  no_estimate: z.string().nullable().openapi({ description: 'Why there is no estimate' }),
};

export function presentEstimate(found: MaybeEstimate): z.input<z.ZodObject<typeof estimateFields>> {
  if ('reason' in found) return { estimate: null, no_estimate: found.reason };
  const { device, prediction, steps, tokens, queueSeconds, freeBytes, fits, problems, remedies } = found;
  const { memory, disk, time, certainty, basedOnRuns } = prediction;
  const { bytes: hostBytes, availableBytes } = device.hostMemory;
  return {
    estimate: {
      device: {
        kind: device.kind,
        count: device.count,
        name: device.name,
        host: device.host,
        memory_bytes: device.memoryBytes,
        available_bytes: device.availableBytes,
      },
      memory: { bytes: memory.bytes, needed_bytes: memory.needed, parts: memory.parts },
      host_memory: { bytes: prediction.hostBytes, memory_bytes: hostBytes, available_bytes: availableBytes },
      disk: { bytes: disk.bytes, parts: disk.parts, free_bytes: freeBytes },
      time: {
        seconds: time.seconds,
        within_percent: time.withinPercent,
        parts: time.parts,
        queue_seconds: queueSeconds,
      },
      steps,
      tokens,
      certainty,
      based_on_runs: basedOnRuns,
      within_percent: memory.withinPercent,
      fits,
      problems,
      remedies: remedies.map((remedy) => ({
        change: { ...remedy.change },
        memory_bytes: remedy.memoryBytes,
        sentence: sentenceOf(remedy),
      })),
    },
    no_estimate: null,
  };
}
