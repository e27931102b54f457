import type { z } from 'zod';
import type { CurveBucket, Curves } from '../../models/runs/run-curves.ts';
import { date } from '../http/shared-schema.ts';
import type { CurvesSchema } from './curves-schema.ts';

/** A list for each figure: of thousands of buckets, their names would be most of the answer. */
export function presentCurves(runNumber: number, curves: Curves): z.input<typeof CurvesSchema> {
  const { steps, steps_per_bucket, buckets, evals, attempts, thinned_until_step } = curves;
  const list = <Name extends keyof CurveBucket>(name: Name) => buckets.map((bucket) => bucket[name]);
  return {
    run_number: runNumber,
    steps,
    steps_per_bucket,
    buckets: {
      step: list('step'),
      at: list('at').map((at) => date(at)),
      epoch: list('epoch'),
      tokens: list('tokens'),
      active_s: list('active_s'),
      loss: list('loss'),
      loss_min: list('loss_min'),
      loss_max: list('loss_max'),
      without_loss: list('without_loss'),
      learning_rate: list('learning_rate'),
      grad_norm: list('grad_norm'),
      grad_norm_max: list('grad_norm_max'),
      reward_margin: list('reward_margin'),
      reward_accuracy: list('reward_accuracy'),
      tokens_per_s: list('tokens_per_s'),
      memory_bytes: list('memory_bytes'),
    },
    evals,
    attempts: attempts.map((attempt) => ({
      ...attempt,
      began_at: date(attempt.began_at),
      ended_at: date(attempt.ended_at),
    })),
    thinned_until_step,
  };
}
