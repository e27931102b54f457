import { z } from 'zod';

/** What a model is asked, as `trainer/serve.py` takes it: `messages` through its chat template, or `prompt` as it is. */
export interface ServedRequest {
  messages?: object[] | undefined;
  tools?: object[] | null | undefined;
  /** A text, or tokens. */
  prompt?: string | number[] | undefined;
  /** The answer begins with the prompt. */
  echo?: boolean;
  max_tokens: number;
  temperature: number;
  top_p: number;
  n: number;
  stop: string[];
  seed: number | null;
  /** Of each token so many of the likeliest are told, with its own probability; null: none. */
  top_logprobs: number | null;
  frequency_penalty: number;
  presence_penalty: number;
  logit_bias: Record<string, number>;
  /** The answer is JSON that this JSON schema describes. */
  schema?: object | null;
  /** Calls are of these tools, with arguments that the JSON schema describes (null: any), and the answer `must` be one. */
  held_calls?: { must: boolean; tools: { name: string; schema: object | null }[] } | null;
  /** Only what the model would be asked with is wanted. */
  renders_only?: boolean;
}

const TokenSchema = z.object({ token: z.string(), logprob: z.number() });
const LogprobsSchema = TokenSchema.extend({ top: z.array(TokenSchema) });
export type Logprobs = z.output<typeof LogprobsSchema>;
/** The first token of a prompt follows nothing, and has no probability. */
const PromptLogprobsSchema = LogprobsSchema.extend({ logprob: z.number().nullable() });
export type PromptLogprobs = z.output<typeof PromptLogprobsSchema>;

const AcceptedSchema = z.object({ id: z.string(), prompt: z.string(), prompt_tokens: z.int() });
const SaidSchema = z.object({
  id: z.string(),
  index: z.int(),
  text: z.string(),
  logprobs: LogprobsSchema.optional(),
  prompt_logprobs: z.array(PromptLogprobsSchema).optional(),
});
const FinishedSchema = SaidSchema.extend({
  finish: z.enum(['stop', 'length', 'tool_calls']),
  calls: z.array(z.object({ name: z.string(), arguments: z.string() })),
});
const DoneSchema = z.object({ id: z.string(), done: z.literal(true), completion_tokens: z.int() });
export type Failed = z.output<typeof FailedSchema>;
const FailedSchema = z.object({
  id: z.string(),
  error: z.string(),
  field: z.string().nullable(),
  code: z.string().nullable(),
});

/** The first line of the process. `context`: how many tokens the model reads at most; null where it says none. */
export const ReadySchema = z.object({ ready: z.literal(true), context: z.int().nullable() });

/** Every later line of it. */
export const ServedLineSchema = z.union([AcceptedSchema, FinishedSchema, SaidSchema, DoneSchema, FailedSchema]);

export type Accepted = z.output<typeof AcceptedSchema>;
/** A piece of an answer, or its end. */
export type Said = z.output<typeof SaidSchema> | z.output<typeof FinishedSchema>;
export type Done = z.output<typeof DoneSchema>;
export type ServedLine = z.output<typeof ServedLineSchema>;
