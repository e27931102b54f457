import { Text } from '@mantine/core';
import { Clipped } from '../clipped.tsx';
import { shown } from '../user-text.tsx';
import type { Message } from './messages.ts';
import './conversation.css';

export type { Message } from './messages.ts';

const ROLES: Record<string, string> = {
  system: 'System',
  user: 'User',
  assistant: 'Assistant',
  tool: 'Result of a tool',
  text: 'Text, all of which is learnt',
};

/** A message of a conversation: who says it, what was thought before, what is said, and which tools are called. */
export function MessageView({ message }: { message: Message }) {
  const { role, content, reasoning_content: thought, name, weight, tool_calls } = message;
  return (
    <div className={`message message-${role in ROLES ? role : 'other'}`}>
      <Text size="sm" fw={600}>
        {ROLES[role] ?? shown(role)}
        {typeof name === 'string' && `: ${shown(name)}`}
        {weight === 0 && ' (shown, and not learnt)'}
      </Text>
      {typeof thought === 'string' && (
        <div className="message-thought">
          <Text size="sm" fs="italic">
            Thought before
          </Text>
          <Clipped>{thought}</Clipped>
        </div>
      )}
      {typeof content === 'string' && content !== '' && <Clipped>{content}</Clipped>}
      <CallsView calls={tool_calls} />
    </div>
  );
}

/** Which tools are called, and with what. */
export function CallsView({ calls }: { calls: unknown }) {
  return callsOf(calls).map((call, place) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: a call is known by its place alone
    <div key={place} className="message-call">
      <Text size="sm" fs="italic">
        Calls {shown(call.name)}
      </Text>
      <Clipped>{call.given}</Clipped>
    </div>
  ));
}

/** The calls of tools in a message: what is called, and with what. */
function callsOf(calls: unknown): { name: string; given: string }[] {
  if (!Array.isArray(calls)) return [];
  return calls.map((call: unknown) => {
    const called: unknown = typeof call === 'object' && call !== null && 'function' in call ? call.function : call;
    const { name, arguments: given } = Object(called) as { name?: unknown; arguments?: unknown };
    return { name: String(name), given: typeof given === 'string' ? given : (JSON.stringify(given, null, 2) ?? '') };
  });
}
