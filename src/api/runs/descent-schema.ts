import { z } from 'zod';
import { START_KINDS } from '../../models/runs/start.ts';
import { idField } from '../http/shared-schema.ts';

const relatedRun = z.object({ job_id: idField.nullable(), project_id: idField.nullable(), number: z.int() });

const start = z.object({
  name: z.string().openapi({ example: 'the checkpoint of step 100 of run 1 of job 12' }),
  kind: z.enum(START_KINDS).openapi({ description: 'Adapters, a checkpoint of all weights, or a whole model' }),
  sha256: z.string().openapi({ description: 'Of the lines NAME SHA256 of the files that decide its weights' }),
  checkpoint: z.int().nullable().openapi({ description: 'Its step; null: a result, or a folder' }),
  run: z.union([relatedRun, z.null()]).openapi({ description: 'Null: a folder, or a run that was deleted' }),
});

/** Where a run comes from, and what came of it. */
export const descentFields = {
  starts_from: z.union([start, z.null()]).openapi({ description: 'Null: its base model as it is' }),
  started_from_it: z.array(relatedRun).openapi({ description: 'The runs that began from what this one made' }),
};
export const NO_DESCENT = { starts_from: null, started_from_it: [] };
