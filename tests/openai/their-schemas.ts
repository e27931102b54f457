import { z } from 'zod';

/**
 * What OpenAI's document (openapi.json of openai/openai-openapi, version 2.3.0) says of the answers to these endpoints, in our words: which fields there have to be,
 * and of which kind. The status `paused` is ours: that document has none, though it has the endpoint that pauses.
 */
const seconds = z.int().min(0);
const nullable = <S extends z.ZodType>(schema: S) => schema.nullable();

const File = z.object({
  id: z.string(),
  object: z.literal('file'),
  bytes: z.int(),
  created_at: seconds,
  expires_at: seconds.nullish(),
  filename: z.string(),
  purpose: z.enum([
    'assistants',
    'assistants_output',
    'batch',
    'batch_output',
    'fine-tune',
    'fine-tune-results',
    'vision',
    'user_data',
    'evals',
  ]),
  status: z.enum(['uploaded', 'processed', 'error']),
  status_details: z.string().nullish(),
});

const auto = (number: z.ZodType) => z.union([z.literal('auto'), number]);
const Hyperparameters = z.object({
  n_epochs: auto(z.int().min(1).max(50)),
  batch_size: auto(z.int().min(1).max(256)),
  learning_rate_multiplier: auto(z.number().gt(0)),
});

const Job = z.object({
  id: z.string(),
  object: z.literal('fine_tuning.job'),
  created_at: seconds,
  error: nullable(z.object({ code: z.string(), message: z.string(), param: nullable(z.string()) })),
  fine_tuned_model: nullable(z.string()),
  finished_at: nullable(seconds),
  hyperparameters: Hyperparameters,
  model: z.string(),
  organization_id: z.string(),
  result_files: z.array(z.string()),
  status: z.enum(['validating_files', 'queued', 'running', 'succeeded', 'failed', 'cancelled', 'paused']),
  trained_tokens: nullable(z.int()),
  training_file: z.string(),
  validation_file: nullable(z.string()),
  integrations: z
    .array(
      z.object({
        type: z.literal('wandb'),
        wandb: z.object({
          project: z.string(),
          name: z.string().nullish(),
          entity: z.string().nullish(),
          tags: z.array(z.string()).optional(),
        }),
      }),
    )
    .max(5)
    .nullish(),
  seed: z.int(),
  estimated_finish: seconds.nullish(),
  method: z
    .object({
      type: z.enum(['supervised', 'dpo', 'reinforcement']),
      supervised: z.object({}).loose().nullish(),
      dpo: z.object({ hyperparameters: Hyperparameters.extend({ beta: auto(z.number().gt(0).max(2)) }) }).nullish(),
    })
    .nullish(),
  metadata: z.record(z.string(), z.string()).nullish(),
});

const Event = z.object({
  id: z.string(),
  object: z.literal('fine_tuning.job.event'),
  created_at: seconds,
  level: z.enum(['info', 'warn', 'error']),
  message: z.string(),
  type: z.enum(['message', 'metrics']).optional(),
  data: z.object({}).loose().nullish(),
});

const Checkpoint = z.object({
  id: z.string(),
  object: z.literal('fine_tuning.job.checkpoint'),
  created_at: seconds,
  fine_tuned_model_checkpoint: z.string(),
  fine_tuning_job_id: z.string(),
  step_number: z.int(),
  metrics: z.record(z.string(), z.number()),
});

const Model = z.object({
  id: z.string(),
  object: z.literal('model'),
  created: seconds,
  owned_by: z.string(),
});

const Usage = z.object({ prompt_tokens: z.int(), completion_tokens: z.int(), total_tokens: z.int() });
const Token = z.object({ token: z.string(), logprob: z.number(), bytes: nullable(z.array(z.int())) });
const Chat = z.object({
  id: z.string(),
  object: z.literal('chat.completion'),
  created: seconds,
  model: z.string(),
  choices: z.array(
    z.object({
      index: z.int(),
      finish_reason: z.enum(['stop', 'length', 'tool_calls', 'content_filter', 'function_call']),
      message: z.object({
        role: z.literal('assistant'),
        content: nullable(z.string()),
        refusal: nullable(z.string()),
        tool_calls: z
          .array(
            z.object({
              id: z.string(),
              type: z.literal('function'),
              function: z.object({ name: z.string(), arguments: z.string() }),
            }),
          )
          .optional(),
      }),
      logprobs: nullable(
        z.object({
          content: nullable(z.array(Token.extend({ top_logprobs: z.array(Token) }))),
          refusal: nullable(z.array(Token)),
        }),
      ),
    }),
  ),
  usage: Usage.optional(),
});

const Completion = z.object({
  id: z.string(),
  object: z.literal('text_completion'),
  created: seconds,
  model: z.string(),
  choices: z.array(
    z.object({
      index: z.int(),
      text: z.string(),
      finish_reason: z.enum(['stop', 'length', 'content_filter']),
      logprobs: nullable(z.object({}).loose()),
    }),
  ),
  usage: Usage.optional(),
});

const deleted = (object: string) => z.object({ id: z.string(), object: z.literal(object), deleted: z.literal(true) });
const listOf = (item: z.ZodType) =>
  z.object({
    object: z.literal('list'),
    data: z.array(item),
    has_more: z.boolean(),
    first_id: z.string().nullish(),
    last_id: z.string().nullish(),
  });

const ERROR = z.object({
  error: z.object({
    message: z.string(),
    type: z.string(),
    param: nullable(z.string()),
    code: nullable(z.string()),
  }),
});

/** By method and path, the first that fits. */
const ANSWERS: [method: string, path: RegExp, schema: z.ZodType][] = [
  ['POST', /\/files$/, File],
  ['GET', /\/files$/, listOf(File)],
  ['GET', /\/files\/[^/]+$/, File],
  ['DELETE', /\/files\/[^/]+$/, deleted('file')],
  ['GET', /\/fine_tuning\/jobs$/, listOf(Job)],
  ['POST', /\/fine_tuning\/jobs(\/[^/]+\/(cancel|pause|resume))?$/, Job],
  ['GET', /\/fine_tuning\/jobs\/[^/]+$/, Job],
  ['GET', /\/events$/, listOf(Event)],
  ['GET', /\/checkpoints$/, listOf(Checkpoint)],
  ['GET', /\/models$/, z.object({ object: z.literal('list'), data: z.array(Model) })],
  ['GET', /\/models\/.+$/, Model],
  ['DELETE', /\/models\/.+$/, deleted('model')],
  ['POST', /\/chat\/completions$/, Chat],
  ['POST', /\/completions$/, Completion],
];

/** fetch, which throws where a JSON answer is not what that document says: for the official client of Node. */
export const checkedFetch: typeof fetch = async (input, init) => {
  const response = await fetch(input, init);
  if (!response.headers.get('Content-Type')?.startsWith('application/json')) return response;
  const { pathname } = new URL(input instanceof Request ? input.url : input);
  const method = init?.method?.toUpperCase() ?? 'GET';
  const schema = response.ok ? ANSWERS.find(([of, path]) => of === method && path.test(pathname))?.[2] : ERROR;
  if (!schema) throw new Error(`Nothing is known of the answer to ${method} ${pathname}.`);
  const checked = schema.safeParse(await response.clone().json());
  if (!checked.success) throw new Error(`${method} ${pathname}: ${z.prettifyError(checked.error)}`);
  return response;
};
