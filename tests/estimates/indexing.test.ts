import assert from 'node:assert/strict';
import { shapeOf } from '../../src/base-models/model-shape.ts';
import { indexOf } from '../../src/estimates/indexing.ts';
import { trainerBytes } from '../../src/estimates/memory.ts';
import { LLAMA } from './llama.ts';

describe('what an index takes by its models', () => {
  it('is the trainer, the one that makes it in 32 bits, and the one that answers as it is stored', () => {
    // Leave `answerer` out of the sum in indexOf (src/estimates/indexing.ts), and it fails.
    const shape = shapeOf(...LLAMA);
    const alone = indexOf({ embedder: shape, answerer: null }, 'cpu');
    assert.equal(alone.memoryBytes, trainerBytes('cpu') + 4 * 848);
    const answering = indexOf({ embedder: shape, answerer: { ...shape, storedBytes: 500 } }, 'cpu');
    assert.equal(answering.memoryBytes - alone.memoryBytes, 500);
    assert.deepEqual(answering.ofChunk, { memory: 2 * 4 * 8, disk: 4 * 4 * 8 });
  });
});
