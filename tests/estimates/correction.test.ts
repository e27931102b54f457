import assert from 'node:assert/strict';
import { correctionOf, type Figures, type Kind, type Measurement } from '../../src/estimates/correction.ts';

const KIND: Kind = {
  device_kind: 'cpu',
  device_name: 'Some CPU',
  threads: 2,
  model: 'some/model@1',
  model_type: 'llama',
  parameters: 1_000,
  training_type: 'lora',
  weight_bytes: 2,
  activation_checkpointing: false,
  batch_size: 4,
  longest_tokens: 128,
};

function figures(memory_bytes: number | null): Figures {
  const seconds = { prepare: null, load: null, train: null, save: null, validate: null };
  return { memory_bytes, seconds };
}

/** A run that took so many times as much as was computed. */
function measured(ratio: number, differs: Partial<Kind> = {}): Measurement {
  return { ...KIND, ...differs, computed: figures(1_000), measured: figures(ratio * 1_000) };
}

const memory = (measurements: Measurement[]) =>
  correctionOf('memory', KIND, measurements, ({ memory_bytes }) => memory_bytes);

describe('what earlier runs correct', () => {
  it('is nothing where there are none, nor any on a device like this', () => {
    const other = [
      measured(2, { device_name: 'Another CPU' }),
      measured(2, { model_type: 'gpt2' }),
      measured(2, { threads: 4 }),
    ];
    for (const measurements of [[], other]) {
      const { factor, certainty, basedOnRuns } = memory(measurements);
      assert.deepEqual([factor, certainty, basedOnRuns], [1, 'computed', 0]);
    }
  });

  it('is the mean of runs of its kind, of which the latest counts most, and as sure as they agree', () => {
    // Take the arithmetic mean in correctionOf (src/estimates/correction.ts), or count all alike, and it fails.
    const found = memory([measured(1), measured(8)]);
    assert.equal(found.factor.toFixed(9), '2.000000000');
    assert.deepEqual([found.certainty, found.basedOnRuns, found.withinPercent], ['measured', 2, 300]);
    assert.equal(memory([measured(1.1), measured(1.1)]).withinPercent, 5);
    assert.equal(memory([measured(1.1)]).withinPercent, 15);
  });

  it('is of runs with about as many tokens in a batch before others', () => {
    const found = memory([measured(3, { batch_size: 32 }), measured(1.5), measured(9, { longest_tokens: 16 })]);
    assert.deepEqual([found.factor.toFixed(9), found.basedOnRuns], ['1.500000000', 1]);
  });

  it('is of its family where no run had the same model and type, and less sure', () => {
    const found = memory([measured(1.2, { model: 'other/model@1', parameters: 2_000 })]);
    assert.deepEqual([found.factor.toFixed(9), found.certainty, found.withinPercent], ['1.200000000', 'similar', 25]);
    assert.equal(memory([measured(1.2, { training_type: 'qlora' }), measured(2)]).factor.toFixed(9), '2.000000000');
  });

  it('leaves out what was not measured', () => {
    const none: Measurement = { ...measured(1), measured: figures(null) };
    assert.equal(memory([none]).certainty, 'computed');
  });
});
