import assert from 'node:assert/strict';
import { type Asked, isRefusedOf } from '../../src/commands/estimates/estimate-training.ts';
import { batchesOf, firstFitting } from '../../src/estimates/batch.ts';
import { type Change, remediesOf, smallerBatches } from '../../src/estimates/remedies.ts';
import type { Settings, Training } from '../../src/estimates/training.ts';
import { settings, training } from './llama.ts';

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
    const changes = remediesOf(estimated, [], 600_000_000, () => false).map(({ change }) => Object.keys(change)[0]);
    assert.deepEqual(changes.slice(0, 2), ['batch_size', 'activation_checkpointing']);
    assert.deepEqual(
      remediesOf(estimated, [], 1_000, () => false),
      [],
    );
  });

  it('is nothing that is refused beside what was chosen', () => {
    // Leave the filter out of remediesOf (src/estimates/remedies.ts).
    const hasChange = (chosen: Partial<Settings>, name: keyof Change) =>
      remediesFor(training('standard', chosen), chosen).some((change) => name in change);
    assert.equal(hasChange({}, 'weights'), true);
    assert.equal(hasChange({ optimizer: 'lion' }, 'weights'), false);
    assert.equal(hasChange({}, 'training_type'), true);
    assert.equal(hasChange({ weights: 'fp32' }, 'training_type'), false);
  });

  it('is one model over the GPUs of a run, where it has several and the model can be divided', () => {
    // Leave `kind` or `processes` out of divided (src/estimates/remedies.ts).
    const isDivided = (kind: 'cpu' | 'cuda', processes: number, chosen: Partial<Settings> = {}) => {
      const { device, ...rest } = training('standard', chosen);
      return remediesFor({ ...rest, device: { ...device, kind, processes } }, chosen).some(
        ({ sharding }) => sharding === 'full',
      );
    };
    assert.equal(isDivided('cuda', 2), true);
    assert.deepEqual([isDivided('cuda', 1), isDivided('cpu', 2)], [false, false]);
    assert.equal(isDivided('cuda', 2, { packing: true }), false);
  });
});

function remediesFor(estimated: Training, chosen: Partial<Settings>): Change[] {
  const isRefused = isRefusedOf({
    training_type: 'standard',
    hyperparameters: settings(chosen) as Asked['hyperparameters'],
  });
  return remediesOf({ ...MODEL, training: estimated }, [], 8e9, isRefused).map(({ change }) => change);
}
