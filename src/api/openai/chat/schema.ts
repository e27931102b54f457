import { z } from 'zod';
import { modelNameField } from '../../http/shared-schema.ts';
import { MEANS_NOTHING, MOST_TOP_LOGPROBS, mostTokens, SAMPLING } from '../sampling.ts';

const TextPart = z.strictObject({ type: z.literal('text'), text: z.string() });
const RefusalPart = z.strictObject({ type: z.literal('refusal'), refusal: z.string() });
const Content = z
  .union([
    z.string(),
    z.array(z.union([TextPart, RefusalPart], 'must be a part of the type text: models here read texts alone')).min(1),
  ])
  .openapi({ description: 'A text, or parts of the type text' });

const ToolCall = z.strictObject({
  id: z.string(),
  type: z.literal('function'),
  function: z.strictObject({ name: z.string().min(1), arguments: z.string() }),
});

const named = { name: z.string().nullish() };
export const Message = z.discriminatedUnion('role', [
  z.strictObject({ role: z.enum(['system', 'developer', 'user']), content: Content, ...named }),
  z.strictObject({
    role: z.literal('assistant'),
    content: Content.nullish(),
    tool_calls: z.array(ToolCall).nullish(),
    reasoning_content: z.string().nullish(),
    // What answers have, and clients send back.
    refusal: z.string().nullish(),
    annotations: z.array(z.unknown()).max(0).nullish(),
    audio: z.null().optional(),
    function_call: z.null().optional(),
    ...named,
  }),
  z.strictObject({ role: z.literal('tool'), content: Content, tool_call_id: z.string(), ...named }),
]);
export type ChatMessage = z.output<typeof Message>;

export const Tool = z.strictObject({
  type: z.literal('function'),
  function: z.strictObject({
    name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 letters, digits, _ or -'),
    description: z.string().nullish(),
    parameters: z.record(z.string(), z.unknown()).nullish(),
    strict: z
      .boolean()
      .nullish()
      .openapi({ description: 'Calls of it have the arguments that `parameters` describes' }),
  }),
});

export const Messages = z.array(Message).min(1).max(2000);
export const Tools = z.array(Tool).max(128);

const NamedTool = z.strictObject({ type: z.literal('function'), function: z.strictObject({ name: z.string() }) });
const ToolChoice = z.union(
  [
    z.enum(['auto', 'none', 'required']),
    NamedTool,
    z.strictObject({
      type: z.literal('allowed_tools'),
      allowed_tools: z.strictObject({ mode: z.enum(['auto', 'required']), tools: z.array(NamedTool).min(1) }),
    }),
  ],
  'must be "auto", "none", "required", or name a tool: {"type": "function", "function": {"name": "…"}}',
);
export type ToolChoice = z.output<typeof ToolChoice>;

/** Which tools a choice lets the model call, and whether it must; `tools`: undefined for all. */
export function allowedBy(choice: ToolChoice | null | undefined): { must: boolean; tools: string[] | undefined } {
  if (choice == null || typeof choice === 'string') return { must: choice === 'required', tools: undefined };
  if (choice.type === 'function') return { must: true, tools: [choice.function.name] };
  const { mode, tools } = choice.allowed_tools;
  return { must: mode === 'required', tools: tools.map((tool) => tool.function.name) };
}

const ResponseFormat = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text') }),
  z.strictObject({ type: z.literal('json_object') }),
  z.strictObject({
    type: z.literal('json_schema'),
    json_schema: z.strictObject({
      name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 letters, digits, _ or -'),
      description: z.string().nullish(),
      schema: z.record(z.string(), z.unknown()).nullish(),
      strict: z.boolean().nullish(),
    }),
  }),
]);

const EXAMPLE = {
  model: 'ft:HuggingFaceTB/SmolLM2-135M-Instruct:local:support-tone:7p4lURel',
  messages: [{ role: 'user' as const, content: 'How do I reset my password?' }],
  max_tokens: 200,
};

export const ChatRequest = z
  .strictObject({
    model: modelNameField,
    messages: Messages,
    max_tokens: mostTokens.nullish().openapi({ description: 'The same as max_completion_tokens' }),
    max_completion_tokens: mostTokens
      .nullish()
      .openapi({ description: 'Default: 1024, and at most what the model has left' }),
    ...SAMPLING,
    logprobs: z.boolean().nullish(),
    top_logprobs: z.int().min(0).max(MOST_TOP_LOGPROBS).nullish(),
    tools: Tools.nullish(),
    tool_choice: ToolChoice.nullish().openapi({
      description: 'required, or a tool by its name: the answer is one call of a tool. Default: auto',
    }),
    parallel_tool_calls: z
      .boolean()
      .nullish()
      .openapi({ description: 'false: of several calls, only the first is given' }),
    response_format: ResponseFormat.nullish().openapi({ description: 'Holds the answer to JSON, or to a JSON schema' }),
    functions: z.null('is an older form of tools; send tools').optional(),
    function_call: z.null('is an older form of tool_choice; send tools and tool_choice').optional(),
    reasoning_effort: z.null('cannot be chosen here; leave it out').optional(),
    modalities: z.array(z.literal('text')).nullish(),
    ...MEANS_NOTHING,
  })
  .refine(({ logprobs, top_logprobs }) => logprobs || !top_logprobs, {
    path: ['top_logprobs'],
    message: 'needs "logprobs": true',
  })
  .refine(
    ({ max_tokens, max_completion_tokens }) =>
      !max_tokens || !max_completion_tokens || max_tokens === max_completion_tokens,
    { path: ['max_tokens'], message: 'and max_completion_tokens mean the same; send one of them' },
  )
  .refine(({ tools, response_format }) => !tools?.length || !response_format || response_format.type === 'text', {
    path: ['response_format'],
    message: 'cannot be held to together with tools; send one of them',
  })
  .superRefine(({ tools, tool_choice }, context) => {
    const { must, tools: meant = [] } = allowedBy(tool_choice);
    const names = tools?.map((tool) => tool.function.name) ?? [];
    const unknown = meant.find((name) => !names.includes(name));
    const message =
      must && names.length === 0
        ? 'needs tools; send them, or leave it out'
        : unknown && `names the tool ${unknown}, which is not in tools; add it, or name another one`;
    if (message) context.addIssue({ code: 'custom', path: ['tool_choice'], message });
  })
  .openapi('ChatRequest', { example: EXAMPLE });

const Usage = z.object({ prompt_tokens: z.int(), completion_tokens: z.int(), total_tokens: z.int() });
const Token = z.object({ token: z.string(), logprob: z.number(), bytes: z.array(z.int()).nullable() });
const LogprobsSchema = z.object({
  content: z.array(Token.extend({ top_logprobs: z.array(Token) })),
  refusal: z.null(),
});
const FinishReason = z.enum(['stop', 'length', 'tool_calls']);

const CHAT = {
  id: 'chatcmpl-kwAStiUQGVBw0Ar9QSVW9V2K',
  object: 'chat.completion' as const,
  created: 1_790_000_000,
  model: EXAMPLE.model,
  choices: [
    {
      index: 0,
      message: { role: 'assistant' as const, content: 'Open the settings, and choose Security.', refusal: null },
      logprobs: null,
      finish_reason: 'stop' as const,
    },
  ],
  usage: { prompt_tokens: 34, completion_tokens: 9, total_tokens: 43 },
};

export const ChatSchema = z
  .object({
    id: z.string(),
    object: z.literal('chat.completion'),
    created: z.int(),
    model: z.string(),
    choices: z.array(
      z.object({
        index: z.int(),
        message: z.object({
          role: z.literal('assistant'),
          content: z.string().nullable(),
          refusal: z.null(),
          tool_calls: z.array(ToolCall).optional(),
        }),
        logprobs: LogprobsSchema.nullable(),
        finish_reason: FinishReason,
      }),
    ),
    usage: Usage,
  })
  .openapi('Chat', { example: CHAT });

export const ChatChunkSchema = z
  .object({
    id: z.string(),
    object: z.literal('chat.completion.chunk'),
    created: z.int(),
    model: z.string(),
    choices: z.array(
      z.object({
        index: z.int(),
        delta: z.object({
          role: z.literal('assistant').optional(),
          content: z.string().optional(),
          tool_calls: z.array(ToolCall.extend({ index: z.int() })).optional(),
        }),
        logprobs: LogprobsSchema.nullable(),
        finish_reason: FinishReason.nullable(),
      }),
    ),
    usage: Usage.nullish(),
  })
  .openapi('ChatChunk', {
    example: {
      ...CHAT,
      object: 'chat.completion.chunk',
      choices: [{ index: 0, delta: { content: 'Open' }, logprobs: null, finish_reason: null }],
      usage: null,
    },
  });
