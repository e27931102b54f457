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

/** What their clients have besides, by the beginnings of its paths. */
const NOT_OFFERED: [path: RegExp, sentence: string][] = [
  [
    /^\/v1\/responses(\/|$)/,
    'The Responses API is not offered here. Ask with chat completions: POST /v1/chat/completions, in the clients chat.completions.create.',
  ],
  [
    /^\/v1\/fine_tuning\/alpha\/graders\//,
    'Graders, and the method reinforcement, which needs them, are not offered here. Create a job with the method supervised; its report compares the base and the tuned model.',
  ],
  [
    /^\/v1\/fine_tuning\/checkpoints\//,
    'Checkpoints have no permissions here: whoever has a key of this service with the role trainer can ask each of them. GET /v1/fine_tuning/jobs/{id}/checkpoints lists them.',
  ],
  [
    /^\/v1\/(assistants|audio|batches|containers|conversations|embeddings|evals|images|moderations|organization|realtime|threads|vector_stores|videos)(\/|$)/,
    'This part of the API of OpenAI is not offered here: files, uploads, fine-tuning, models, chat completions and completions are.',
  ],
];

/** What OpenAI's clients speak, unchanged but for the address and the key. */
export const OPENAI_WIRE: Wire = {
  basePath: '/v1',
  title: 'Model Training Manager for clients of OpenAI',
  description:
    'The parts of the API of OpenAI that fine-tune models and ask them. Files become datasets, and fine-tuning jobs are jobs like any other.',
  statusOf: (status) => STATUSES[status] ?? status,
  notOffered: (path) => {
    const [, detail] = NOT_OFFERED.find(([beginning]) => beginning.test(path)) ?? [];
    return detail === undefined ? null : { detail, code: 'not_offered' };
  },
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
