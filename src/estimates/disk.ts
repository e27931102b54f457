import { isWrittenOut } from './beginnings.ts';
import { memoryOf } from './memory.ts';
import { hasAdapters, partsOfModel, type Training } from './training.ts';

/** Bytes on the disk at the most, by what takes them. */
export interface DiskParts {
  checkpoints: number;
  /** What was trained, as it is published: the adapter, or the whole model. */
  export: number;
  /** The whole model that an adapter is merged into. */
  merge: number;
  mixture: number;
  /** The base in 4 bits, which later runs use as well. */
  cache: number;
  /** The base in 16 bits, where its files have fewer: until the run is validated (trainer/base_models/base_in_16_bits.py). */
  base_copy: number;
  /** What it begins from, as a whole model, where that takes the place of the base: until the run is validated (trainer/outputs/start.py). And the base with new tokens (new_tokens.py). */
  start_copy: number;
}

/** KEEP of trainer/runs/checkpoints.py, and the one that is being written (require_room in trainer/training/rehearsal.py). */
const CHECKPOINTS = 3;
/** A row of a mixture is a text, about four bytes a token, and packed to half of it; its tokens are kept as numbers, with their labels. */
const MIXTURE_BYTES_PER_TOKEN = 2 + 8;

export function diskOf(training: Training): DiskParts {
  const { shape, type, settings, lengths, device } = training;
  const { gradients, optimizer, weights } = memoryOf(training);
  // What is trained has as many bytes as its gradients, of which each device may have a part.
  const trained = gradients * partsOfModel(training);
  const merged = hasAdapters(training) && settings.merge !== false;
  return {
    checkpoints: CHECKPOINTS * (trained + optimizer * partsOfModel(training)),
    // In the layout and the types of the base's files.
    export: hasAdapters(training) ? trained : shape.fileBytes,
    merge: merged ? shape.fileBytes : 0,
    mixture: lengths.tokens * MIXTURE_BYTES_PER_TOKEN,
    cache: type === 'qlora' && device.kind === 'cpu' ? weights : 0,
    base_copy: shape.storedBytes === null ? 0 : shape.fileBytes,
    start_copy: (isWrittenOut(training) ? shape.fileBytes : 0) + (settings.new_tokens?.length ? shape.fileBytes : 0),
  };
}
