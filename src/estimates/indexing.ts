import type { ModelShape } from '../base-models/model-shape.ts';
import { trainerBytes } from './memory.ts';
import type { DeviceKind } from './training.ts';

/** The models of an index: the one that makes it, and the one that answers from it, where there is one. */
export interface IndexModels {
  embedder: ModelShape;
  answerer: ModelShape | null;
}

/** Embeddings are computed, and kept, in float32 (trainer/bundle/embedding.py). */
const EMBEDDED_BYTES = 4;
/** Newest checkpoints of trainer/runs/checkpoints.py, the one that is being written, and the bundle. */
const COPIES_ON_DISK = 4;
/** While they are put in order (trainer/retrieval/indexing.py). */
const COPIES_IN_MEMORY = 2;

/** What an index takes that depends on its models alone: how many chunks there will be is known once a run has made them. */
export function indexOf({ embedder, answerer }: IndexModels, kind: DeviceKind) {
  const parts = {
    trainer: trainerBytes(kind),
    embedder: EMBEDDED_BYTES * embedder.parameters,
    // As its files store it (trainer/bundle/answering.py): it is loaded when the index is validated, beside the other.
    answerer: answerer === null ? 0 : (answerer.storedBytes ?? answerer.fileBytes),
  };
  const ofChunk = EMBEDDED_BYTES * embedder.hidden;
  return {
    memoryBytes: parts.trainer + parts.embedder + parts.answerer,
    parts,
    ofChunk: { memory: COPIES_IN_MEMORY * ofChunk, disk: COPIES_ON_DISK * ofChunk },
  };
}
