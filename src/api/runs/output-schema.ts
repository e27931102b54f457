import { z } from 'zod';
import { IdParams } from '../http/shared-schema.ts';

export const OutputFilesSchema = z
  .object({
    run_number: z.int(),
    items: z.array(
      z.object({
        path: z.string().openapi({ description: 'In the directory of the model' }),
        bytes: z.int(),
        sha256: z.string(),
      }),
    ),
  })
  .openapi('OutputFiles', {
    example: {
      run_number: 1,
      items: [
        {
          path: 'adapter/adapter_model.safetensors',
          bytes: 18_874_368,
          sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
        },
      ],
    },
  });

export const OutputFileParams = IdParams.extend({
  path: z.string().min(1).max(4096).openapi({
    description: 'A file that `files` lists; slashes as they are, or as %2F',
    example: 'adapter/adapter_model.safetensors',
  }),
});
