import assert from 'node:assert/strict';
import { diskOf } from '../../src/estimates/disk.ts';
import { timeOf, trainedTokens } from '../../src/estimates/time.ts';
import type { Settings, Training } from '../../src/estimates/training.ts';
import { operationsOfToken } from '../../src/estimates/work.ts';
import { pairs, training } from './llama.ts';

const trainSeconds = (type: Training['type'], chosen: Partial<Settings>) => {
  const asked = training(type, chosen);
  return timeOf(asked, 1, diskOf(asked)).train;
};

describe('the time of a training', () => {
  it('has one sequence for as many rows as a batch of the longest has tokens, where they are packed', () => {
    // Leave packing out of batchesOfStep (src/estimates/time.ts), and a step has 8 batches in place of one.
    const lengths = { examples: 100, tokens: 1_000, longest: 80, heldOutRows: 0 };
    const seconds = (packing: boolean) => {
      const asked = { ...training('lora', { gradient_accumulation: 8, packing, max_length: 80 }), lengths };
      return timeOf(asked, 1, diskOf(asked)).train;
    };
    // Fifty steps, of which each begins 7 batches fewer, in 12 ms.
    assert.ok(Math.abs(seconds(false) - seconds(true) - 50 * 7 * 0.012) < 1e-6);
  });

  it('goes by arithmetic in bf16 where rows of a standard training are packed on a CPU that has it', () => {
    // Take the rate of weightBytes for steps (src/estimates/time.ts), and both take as long.
    const packed = trainSeconds('standard', { packing: true });
    const overhead = 50 * 0.012;
    const plain = trainSeconds('standard', {});
    assert.ok(Math.abs((packed - overhead) / (plain - overhead) - 50 / 60) < 1e-6);
  });

  it('is longer with DoRA, and with its dropout by the weights that are multiplied by again', () => {
    // Leave ofDora out of operationsOfToken (src/estimates/work.ts), or its dropout.
    const seconds = [{}, { use_dora: true }, { use_dora: true, lora_dropout: 0.1 }].map((chosen) =>
      trainSeconds('lora', chosen),
    );
    const [plain = 0, dora = 0, dropped = 0] = seconds;
    const tokens = 1_000;
    const rate = 2 * 60e9;
    const given = 8 + 4 + 4 + 8 + 16 + 16 + 8;
    assert.ok(Math.abs(dora - plain - (tokens * given * 3_000) / rate) < 1e-9);
    assert.ok(Math.abs(dropped - dora - (tokens * 576 * 4) / rate) < 1e-9);
  });
});

describe('the time of a training of pairs', () => {
  it('is that of the tokens of both answers', () => {
    // Multiply the tokens by sequencesOfRow (trainedTokens in src/estimates/time.ts), or leave it out of work.ts, and these are others.
    assert.equal(trainedTokens(pairs(), 1), trainedTokens(training('lora'), 1));
    const twice = { ...training('lora'), lengths: { ...training('lora').lengths, examples: 200 } };
    assert.deepEqual(operationsOfToken(pairs()), operationsOfToken(twice));
  });

  it('begins with asking the base, but for orpo', () => {
    // Leave `referred` out of timeOf.
    const [sigmoid, orpo] = (['sigmoid', 'orpo'] as const).map((loss_type) => {
      const asked = pairs({ loss_type });
      return timeOf(asked, 1, diskOf(asked));
    });
    assert.ok(sigmoid && orpo && sigmoid.load > orpo.load);
    assert.deepEqual({ ...sigmoid, load: 0 }, { ...orpo, load: 0 });
  });
});
