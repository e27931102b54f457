import type { ChatTemplateFacts } from '../../api/base-models.ts';

const SYSTEM = {
  shown: 'It shows system prompts.',
  in_question: 'It knows no system prompt: one is put at the head of the first question.',
  refused: 'It refuses system prompts.',
} as const;

const THOUGHTS = {
  shown: 'It shows what was thought before an answer.',
  switched: 'It shows thoughts with thinking switched on, which is done for rows that have some.',
  in_text: 'It has no place for thoughts: the setting reasoning says what becomes of them.',
} as const;

/** What a chat template can show, as it was found by trying it. */
export function templateSentences({ problem, ...facts }: ChatTemplateFacts): string[] {
  if (problem !== null) return [problem];
  const { system, tools, tool_calls, thoughts, empty_thought, all_answers_at_once, writes_today, ends } = facts;
  return [
    system && SYSTEM[system],
    tools !== undefined && (tools ? 'It lists the tools that may be called.' : 'It lists no tools.'),
    tool_calls !== undefined &&
      (tool_calls
        ? 'It shows calls of tools.'
        : 'It shows no calls of tools: the setting tool_calls says what becomes of them.'),
    thoughts && THOUGHTS[thoughts],
    empty_thought && 'An answer without a thought is learnt behind an empty one.',
    all_answers_at_once !== undefined &&
      (all_answers_at_once
        ? 'All answers of a conversation are learnt at once.'
        : 'Each answer of a conversation is an example of its own.'),
    writes_today && "It writes today's date.",
    ends !== undefined && ends.length > 0 && `Its answers end with ${ends.join(' or ')}.`,
  ].filter((sentence) => typeof sentence === 'string');
}
