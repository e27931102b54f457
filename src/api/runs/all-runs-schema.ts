import { z } from 'zod';
import { RUN_STATUSES } from '../../models/runs/statuses.ts';
import { TRAINING_TYPES } from '../../trainer/training-types.ts';
import { dateFilter, examplePage, idField, pageOf, SORTS, searchQuery, sortBy } from '../http/shared-schema.ts';
import { RUN, RunSchema } from './schema.ts';

export const OWNER_KINDS = ['job', 'project'] as const;

export const AllRunsQuery = searchQuery(20).extend({
  status: z
    .enum([...RUN_STATUSES, 'open', 'ended'])
    .optional()
    .openapi({
      description: 'open: pending, queued or running; ended: completed, failed or cancelled',
    }),
  kind: z.enum(OWNER_KINDS).optional(),
  training_type: z.enum(TRAINING_TYPES).optional(),
  completed_after: dateFilter.openapi({ description: 'Those that ended after this time' }),
  sort: sortBy([...SORTS, 'completed_at', '-completed_at']),
});

/** A run with what it is of, without what is large: its spec and its plan. */
export const ListedRunSchema = RunSchema.omit({
  spec: true,
  plan: true,
  resumes_run_number: true,
  starts_from: true,
  started_from_it: true,
  base_model_revision: true,
  export_formats: true,
})
  .extend({
    owner: z.object({ kind: z.enum(OWNER_KINDS), id: idField, name: z.string() }),
    is_latest: z.boolean().openapi({ description: 'Whether its job or project has no later run' }),
    training_type: z.enum(TRAINING_TYPES),
    base_model: z.string(),
    tokens_per_s: z.number().nullable(),
    seconds_left: z.number().nullable(),
  })
  .openapi('ListedRun');

const {
  spec: _spec,
  plan: _plan,
  resumes_run_number: _resumes,
  starts_from: _start,
  started_from_it: _children,
  base_model_revision: _revision,
  export_formats: _formats,
  ...SHOWN
} = RUN;
export const LISTED = {
  ...SHOWN,
  owner: { kind: 'project' as const, id: 1, name: 'My Reasoning Project' },
  is_latest: true,
  training_type: 'qlora' as const,
  base_model: 'meta-llama/Llama-3.2-3B-Instruct',
  tokens_per_s: 1240.5,
  seconds_left: 84,
};

export const AllRunsSchema = pageOf(ListedRunSchema).openapi('AllRuns', { example: examplePage(LISTED) });
