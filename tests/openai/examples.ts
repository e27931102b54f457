/** A row as OpenAI's fine-tuning takes it. */
export function chat(n: number) {
  return {
    messages: [
      { role: 'user', content: `${n} + 1?` },
      { role: 'assistant', content: String(n + 1) },
    ],
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
