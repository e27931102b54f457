import type { z } from 'zod';
import type { ServedRequest } from '../../../serving/serving-protocol.ts';
import { allowedBy, type ChatMessage, type Tool, type ToolChoice } from './schema.ts';

type ChatTool = z.output<typeof Tool>;

const NO_PARAMETERS = { type: 'object', properties: {} };

/** As chat templates take it: its content is one text, and a developer is who older templates call system. */
export function messageOf(message: ChatMessage): object {
  const { role, content } = message;
  const text = Array.isArray(content)
    ? content.map((part) => (part.type === 'text' ? part.text : part.refusal)).join('')
    : content;
  const shared = { role: role === 'developer' ? 'system' : role, ...(message.name ? { name: message.name } : {}) };
  if (message.role === 'tool') return { ...shared, content: text, tool_call_id: message.tool_call_id };
  if (message.role !== 'assistant') return { ...shared, content: text };
  const { tool_calls, reasoning_content, refusal } = message;
  return {
    ...shared,
    content: text ?? refusal ?? null,
    ...(tool_calls?.length ? { tool_calls } : {}),
    ...(reasoning_content ? { reasoning_content } : {}),
  };
}

/** The same of tools; null where there are none. */
export function toolsOf(tools: ChatTool[] | null | undefined): object[] | null {
  return tools?.length ? tools.map(withoutNothing) : null;
}

/** Templates write what is there: fields that are null as well. */
function withoutNothing({ type, function: { name, description, parameters } }: ChatTool): object {
  return {
    type,
    function: { name, description: description ?? '', parameters: parameters ?? NO_PARAMETERS },
  };
}

/** What calls are held to: null where the model may call whatever it likes, however it likes. */
export function heldCallsOf(
  tools: ChatTool[] | null | undefined,
  choice: ToolChoice | null | undefined,
): ServedRequest['held_calls'] {
  const { must, tools: meant } = allowedBy(choice);
  const strict = tools?.some(({ function: { strict } }) => strict) ?? false;
  if (!tools?.length || choice === 'none' || !(must || meant || strict)) return null;
  const called = tools.filter(({ function: { name } }) => meant?.includes(name) ?? true);
  return {
    must,
    tools: called.map(({ function: { name, parameters, strict } }) => ({
      name,
      schema: must || strict ? (parameters ?? NO_PARAMETERS) : null,
    })),
  };
}
