import assert from 'node:assert/strict';
import type { Estimate } from '../../src/cli/api/types.ts';
import { CommandFailure, Refusal } from '../../src/cli/exit-codes.ts';
import { estimateLines } from '../../src/cli/runs/estimate-text.ts';
import { tellEstimate } from '../../src/cli/runs/tell-estimate.ts';

const ESTIMATE: Estimate = {
  device: { kind: 'cpu', count: 1, name: 'AMD EPYC', host: 'gpu-1', memory_bytes: 25e9, available_bytes: 20e9 },
  memory: {
    ...{ bytes: 3.2e9, needed_bytes: 3.14e9 },
    parts: {
      ...{ weights: 1, adapters: 1, gradients: 1, optimizer: 1, activations: 1, logits: 1 },
      ...{ dequantised_weights: 1, checkpoint_copy: 1, overhead: 1, correction: 1 },
    },
  },
  host_memory: { bytes: 3.2e9, memory_bytes: 25e9, available_bytes: 20e9 },
  disk: {
    ...{ bytes: 6e8, free_bytes: 50e9 },
    parts: { checkpoints: 1, export: 1, merge: 1, mixture: 1, cache: 1, base_copy: 1, start_copy: 1 },
  },
  time: {
    ...{ seconds: 5_400, within_percent: 15, queue_seconds: 0 },
    parts: { prepare: 1, load: 1, train: 1, evaluate: 1, save: 1, validate: 1 },
  },
  ...{ steps: 1_200, tokens: 1_228_800, certainty: 'measured', based_on_runs: 2, within_percent: 5 },
  ...{ fits: true, problems: [], remedies: [] },
};
const BATCH = { batch_size: 4, gradient_accumulation: 1, reason: null };
const lines = (changes: Partial<Estimate>) =>
  estimateLines({ estimate: { ...ESTIMATE, ...changes }, no_estimate: null, batch: BATCH });

describe('what `mtm train` says of a training before it begins', () => {
  it('is two lines, of memory, time, disk and queue, and of how sure that is', () => {
    assert.deepEqual(lines({}), [
      'Estimate: 3.1 GB of the 25.0 GB of memory on gpu-1 (AMD EPYC), about 1 h 30 min, 600.0 MB of the 50.0 GB free on the disk, a worker is free.',
      'It is measured, by 2 runs of this model and type: memory within 5 %, time within 15 %.',
    ]);
    const queued = lines({ time: { ...ESTIMATE.time, queue_seconds: 600 }, certainty: 'computed' });
    assert.match(queued[0] ?? '', /a worker takes it in 10 min\.$/);
    assert.match(queued[1] ?? '', /^It is computed, and no run like it was measured yet/);
    const unsure = lines({ time: { ...ESTIMATE.time, within_percent: 150 } });
    assert.match(unsure[1] ?? '', /time up to 3 h 45 min\.$/);
    const { device } = ESTIMATE;
    const several = lines({ device: { ...device, count: 2, kind: 'cuda', name: '2 x NVIDIA H200' } });
    assert.match(several[0] ?? '', /of memory on each device of gpu-1 \(2 x NVIDIA H200\)/);
  });

  it('is what speaks against it and what would fit as well', () => {
    // Leave remedies out of estimateLines (src/cli/runs/estimate-text.ts), and it fails.
    const remedy = { change: { batch_size: 1 }, memory_bytes: 1e9, sentence: '{"batch_size": 1} takes about 1.0 GB.' };
    assert.deepEqual(lines({ problems: ['It needs more.'], remedies: [remedy] }).slice(2), [
      'It needs more.',
      'Would fit: --batch-size 1 (about 1.0 GB)',
    ]);
    const reason = 'The model is not there.';
    assert.deepEqual(estimateLines({ estimate: null, no_estimate: reason, batch: BATCH }), [`No estimate: ${reason}`]);
  });

  it('keeps those from training whose plan is refused', async () => {
    // Leave `isOfRequest` out of tellEstimate (src/cli/runs/tell-estimate.ts), and it fails.
    const refused = async (status: number) =>
      await tellEstimate({ say: () => {} }, async () => {
        throw new Refusal(status, 'No.');
      });
    for (const status of [400, 404, 422]) await assert.rejects(refused(status), { message: 'No.' });
    for (const status of [408, 429, 500, 503]) assert.equal((await refused(status)).no_estimate, 'No.');
  });

  it('keeps nobody from training where there is no plan', async () => {
    // Let the error of a plan through in tellEstimate (src/cli/runs/tell-estimate.ts), and it fails.
    const said: string[] = [];
    const found = await tellEstimate({ say: (sentence) => said.push(sentence) }, async () => {
      throw new CommandFailure('The trainer is not ready yet.');
    });
    assert.deepEqual(found, { estimate: null, no_estimate: 'The trainer is not ready yet.' });
    assert.deepEqual(said, ['No estimate: The trainer is not ready yet.']);
  });
});
