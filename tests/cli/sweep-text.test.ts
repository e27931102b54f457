import assert from 'node:assert/strict';
import type { Sweep } from '../../src/cli/api/types.ts';
import { progressOf, sweepListText, sweepText } from '../../src/cli/sweeps/sweep-text.ts';

const run = (job_id: number, others: Partial<Sweep['runs'][number]>): Sweep['runs'][number] => ({
  job_id,
  project_id: null,
  name: `rates ${job_id}`,
  settings: { learning_rate: 0.001 * job_id, lora_target_modules: ['q_proj'] },
  status: 'completed',
  phase: 'finished',
  progress: 100,
  current_step: 12,
  total_steps: 12,
  pause_reason: null,
  error_message: null,
  priority: 'normal',
  not_before: null,
  after: null,
  evaluations: [],
  rung_losses: [2.5, 2.25],
  held_out_loss: 2.1,
  ...others,
});

const SWEEP: Sweep = {
  id: 3,
  name: 'rates',
  description: null,
  status: 'running',
  run_count: 3,
  duplicates_dropped: 1,
  rungs_done: 1,
  winner: null,
  error_message: null,
  created_by: null,
  created_at: '2026-01-01T00:00:00Z',
  updated_at: '2026-01-01T00:00:00Z',
  finished_at: null,
  job: {},
  project: null,
  search: { method: 'grid' },
  early_stop: { method: 'halving', rungs: [4, 8] },
  max_concurrent_runs: 1,
  rungs: [{ step: 4, losses: [], kept: [1, 2], stopped: [3] }],
  runs: [
    run(1, {}),
    run(2, { status: 'queued', phase: 'paused', current_step: 8, rung_losses: [2.6, 2.4], held_out_loss: null }),
    run(3, { status: 'cancelled', current_step: 4, rung_losses: [3, null], held_out_loss: null }),
  ],
};

describe('a sweep in words', () => {
  it('has its runs with what varies, their losses, and the winner', () => {
    // Leave the rungs out of `heads` (src/cli/sweeps/sweep-text.ts), and they stand under other names.
    const sentence = 'Job 1 has the lowest held-out loss of 3 runs: 2.100.';
    const of = { job_id: 1, project_id: null };
    const winner = { ...of, settings: {}, held_out_loss: 2.1, not_told_apart: [], traits: [], sentence };
    const lines = sweepText({ ...SWEEP, status: 'completed', winner }).split('\n');
    assert.match(
      lines.join('\n'),
      /Runs +3, 1 at a time\nDropped +1 combinations that were there already\nRungs +1 of 2 done/,
    );
    const cells = (text: string) =>
      lines
        .find((line) => line.includes(text))
        ?.split('│')
        .map((cell) => cell.trim());
    const heads = [
      'Run',
      'learning_rate',
      'lora_target_modules',
      'Status',
      'Step',
      'Loss at 4',
      'Loss at 8',
      'Held-out loss',
    ];
    assert.deepEqual(cells('Run ')?.slice(1, -1), heads);
    assert.deepEqual(cells('job-1')?.slice(1, -1), [
      'job-1',
      '0.001',
      '["q_proj"]',
      'completed',
      '12',
      '2.500',
      '2.250',
      '2.100',
    ]);
    assert.deepEqual(cells('job-2')?.slice(4, -1), ['held', '8', '2.600', '2.400', '']);
    assert.equal(lines.at(-1), sentence);
  });

  it('says in a line how far it is', () => {
    // Count runs that are held among those that train (progressOf, src/cli/sweeps/sweep-text.ts: phase in place of status).
    const { share, text } = progressOf(SWEEP);
    assert.deepEqual([share, text], [2 / 3, 'sweep 3: running, rung 1 of 2, 0 train, 2 of 3 have ended']);
    assert.match(
      sweepListText([{ ...SWEEP, status: 'failed', error_message: 'None came to its end.' }]),
      /^3 {2}rates {2}failed {2}3 runs {2}None came/,
    );
    assert.match(sweepListText([]), /There is no sweep/);
  });
});
