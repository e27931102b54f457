import assert from 'node:assert/strict';
import { batchesOf, firstFitting } from '../../src/estimates/batch.ts';
import { type Change, remediesOf, smallerBatches } from '../../src/estimates/remedies.ts';
import { training } from './llama.ts';

const MODEL = { epochs: 1, deviceName: 'Some CPU', model: 'some/model@1' };

describe('the largest batch that fits', () => {
  it('is one of those that make a step of as many rows', () => {
    assert.deepEqual(
      batchesOf(12, 64).map(({ batch_size, gradient_accumulation }) => [batch_size, gradient_accumulation]),
      [
        [12, 1],
        [6, 2],
        [4, 3],
        [3, 4],
        [2, 6],
        [1, 12],
      ],
    );
    assert.deepEqual(batchesOf(128, 64)[0], { batch_size: 64, gradient_accumulation: 2 });
  });

  it('leaves some of the memory, and is none where one row is too much', () => {
    // Compare with all of the memory in firstFitting (src/estimates/batch.ts), and it fails.
    const estimated = { ...MODEL, training: training('standard') };
    const [two] = batchesOf(2, 64);
    const needs = firstFitting(estimated, [], batchesOf(2, 64), 1e12);
    assert.deepEqual(needs?.batch, two);
    const { memoryBytes = 0 } = needs ?? {};
    assert.equal(firstFitting(estimated, [], batchesOf(2, 64), memoryBytes)?.batch.batch_size, undefined);
    assert.equal(firstFitting(estimated, [], batchesOf(2, 64), memoryBytes / 0.84)?.batch.batch_size, 2);
  });
});

describe('what would fit', () => {
  it('has as many rows in each step', () => {
    const { settings } = training('lora', { batch_size: 8, gradient_accumulation: 3 });
    assert.deepEqual(
      smallerBatches({ settings }).map(({ batch_size, gradient_accumulation }) => batch_size * gradient_accumulation),
      [24, 24, 24],
    );
  });

  it('is named in the order in which it costs least, and only where it fits', () => {
    const estimated = { ...MODEL, training: { ...training('standard', { batch_size: 8, max_length: 4_096 }) } };
    estimated.training.lengths = { ...estimated.training.lengths, longest: 4_096 };
    const changes = remediesOf(estimated, [], 600_000_000).map(({ change }) => Object.keys(change)[0]);
    assert.deepEqual(changes.slice(0, 2), ['batch_size', 'activation_checkpointing']);
    assert.deepEqual(remediesOf(estimated, [], 1_000), []);
  });

  it('is bf16 where that goes with the optimizer', () => {
    // Leave the optimizer out of canBeRounded (src/estimates/remedies.ts), and a remedy is named that is refused.
    const remedies = (optimizer: 'adamw' | 'lion') =>
      remediesOf({ ...MODEL, training: training('standard', { optimizer }) }, [], 8e9).map(({ change }) => change);
    assert.deepEqual([remedies('adamw').some(inBf16), remedies('lion').some(inBf16)], [true, false]);
  });
});

const inBf16 = ({ weights }: Change) => weights === 'bf16';
