/** A row as OpenAI's fine-tuning takes it. */
export function chat(n: number) {
  return {
    messages: [
      { role: 'user', content: `${n} + 1?` },
      { role: 'assistant', content: String(n + 1) },
    ],
  };
}

/** A row of two answers, of which the first is preferred. */
export function preference(n: number) {
  return {
    input: { messages: [{ role: 'user', content: `question ${n}` }] },
    preferred_output: [{ role: 'assistant', content: `fish ${n % 7}!` }],
    non_preferred_output: [{ role: 'assistant', content: 'bird' }],
  };
}

/** Examples as a training file has them. */
export function lines(examples: unknown[]): string {
  return examples.map((example) => `${JSON.stringify(example)}\n`).join('');
}

/** A training file with so many rows. */
export function chats(count: number): string {
  return lines(Array.from({ length: count }, (_, n) => chat(n)));
}
