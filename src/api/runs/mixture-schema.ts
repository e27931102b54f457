import { z } from 'zod';
import { MIXTURE_PARTS } from '../../datasets/mixture.ts';
import { rejectedMessages } from '../datasets/schema.ts';
import { idField, integerParam } from '../http/shared-schema.ts';
import { whichRun } from './schema.ts';

const whichPart = { part: z.enum(MIXTURE_PARTS).default('train') };
export const MixtureFileQuery = z.strictObject({ ...whichRun, ...whichPart });
export const MixtureQuery = z.strictObject({
  ...whichRun,
  ...whichPart,
  offset: integerParam(0, 2_147_483_647).default(0),
  rows: integerParam(1, 100).default(10),
});
export const MixtureSchema = z
  .object({
    run_number: z.int(),
    part: z.enum(MIXTURE_PARTS),
    total: z.int(),
    sha256: z.string().openapi({ description: 'Of the file that can be downloaded' }),
    manifest: z.record(z.string(), z.unknown()).openapi({ description: 'What repeats this mixture to the byte' }),
    items: z.array(
      z.object({
        trait: z.string(),
        dataset_id: idField,
        row_number: z.int().openapi({ description: 'In the dataset, from 0' }),
        messages: z.array(z.looseObject({ role: z.string(), content: z.string() })),
        rejected: rejectedMessages,
        tools: z.array(z.unknown()).nullable(),
      }),
    ),
  })
  .openapi('Mixture', {
    example: {
      run_number: 1,
      part: 'train',
      total: 50_000,
      sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
      manifest: { mixing_version: 1, random_version: 'sfc32-sha256-1', seed: 42 },
      items: [
        {
          trait: 'reasoning',
          dataset_id: 1,
          row_number: 4711,
          messages: [
            { role: 'user', content: 'What is 2 + 2?' },
            { role: 'assistant', content: '4' },
          ],
          rejected: null,
          tools: null,
        },
      ],
    },
  });
