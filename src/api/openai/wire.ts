import { z } from 'zod';
import type { Refusal, Wire } from '../http/wire.ts';

const ErrorSchema = z
  .object({
    error: z.object({
      message: z.string(),
      type: z.string(),
      param: z.string().nullable(),
      code: z.string().nullable(),
    }),
  })
  .openapi('OpenAiError', {
    example: {
      error: {
        message: 'training_file is required. Name a file of the purpose fine-tune.',
        type: 'invalid_request_error',
        param: 'training_file',
        code: null,
      },
    },
  });

/**
 * Statuses by which OpenAI's clients raise another error, or try again what cannot succeed: they repeat 409 (openai 3.57 of PyPI,
 * 7.59 of npm), and expect 400 for what is malformed.
 */
const STATUSES: Record<number, number> = { 409: 400, 422: 400 };

/** What OpenAI's clients speak, unchanged but for the address and the key. */
export const OPENAI_WIRE: Wire = {
  basePath: '/v1',
  title: 'Model Training Manager for clients of OpenAI',
  description:
    'The part of the API of OpenAI that fine-tunes models. Files become datasets, and fine-tuning jobs are jobs like any other.',
  statusOf: (status) => STATUSES[status] ?? status,
  errorSchema: ErrorSchema,
  errorBody: ({ status, detail, field, code }: Refusal): z.input<typeof ErrorSchema> => ({
    error: {
      message: detail,
      type: status >= 500 ? 'server_error' : 'invalid_request_error',
      param: field,
      code: code ?? (status === 401 ? 'invalid_api_key' : null),
    },
  }),
};
