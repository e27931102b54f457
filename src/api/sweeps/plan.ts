import { z } from 'zod';
import type { PlannedSweep } from '../../commands/sweeps/plan-sweep.ts';
import { PLAN_ANSWER, PlanAnswerSchema, presentPlanned } from '../runs/plan.ts';

/** What a sweep would be. */
export const SweepPlanSchema = z
  .object({
    run_count: z.int(),
    duplicates_dropped: z.int(),
    rungs: z
      .array(z.object({ step: z.int(), runs: z.int(), kept: z.int() }))
      .openapi({ description: 'How many runs come to each rung, and how many go on from it, where none fails' }),
    totals: z
      .union([
        z.object({
          seconds: z.number().openapi({
            description:
              'From the first step to the last, so many runs at a time, by the mean run: nobody knows which go on',
          }),
          memory_bytes: z.int().openapi({ description: 'Of the run that takes most' }),
          disk_bytes: z.int().openapi({ description: 'Of the checkpoints and models of all runs' }),
          fits: z.boolean().openapi({ description: 'Whether each run fits by itself' }),
        }),
        z.null(),
      ])
      .openapi({ description: 'Null where there is no estimate of a run' }),
    runs: z.array(
      z.object({
        name: z.string(),
        settings: z.record(z.string(), z.unknown()),
        refusal: z
          .string()
          .nullable()
          .openapi({ description: 'Why no job or project may be so: the sweep is refused' }),
        plan: z.union([PlanAnswerSchema, z.null()]),
      }),
    ),
  })
  .openapi('SweepPlan', {
    example: {
      run_count: 1,
      duplicates_dropped: 0,
      rungs: [],
      totals: { seconds: 5400, memory_bytes: 3_140_000_000, disk_bytes: 600_000_000, fits: true },
      runs: [
        {
          name: 'Which learning rate 1: learning_rate 0.0001',
          settings: { learning_rate: 0.0001 },
          refusal: null,
          plan: PLAN_ANSWER,
        },
      ],
    },
  });

export function presentSweepPlan({ runs, duplicatesDropped, rungs, totals }: PlannedSweep) {
  return {
    run_count: runs.length,
    duplicates_dropped: duplicatesDropped,
    rungs,
    totals: totals && {
      seconds: totals.seconds,
      memory_bytes: totals.memoryBytes,
      disk_bytes: totals.diskBytes,
      fits: totals.fits,
    },
    runs: runs.map(({ name, settings, refusal, planned }) => {
      if (planned === null) return { name, settings, refusal, plan: null };
      const { plan, estimate, batchReason, ...others } = planned;
      return { name, settings, refusal, plan: presentPlanned(plan, others, estimate, batchReason) };
    }),
  };
}
