import { z } from 'zod';
import { askTokenizer, UnusableTokenizer } from '../trainer/ask-tokenizer.ts';

const FactsSchema = z.strictObject({
  problem: z.null(),
  system: z.enum(['shown', 'in_question', 'refused']),
  tools: z.boolean(),
  tool_calls: z.boolean(),
  thoughts: z.enum(['shown', 'switched', 'in_text']),
  empty_thought: z.boolean(),
  all_answers_at_once: z.boolean(),
  writes_today: z.boolean(),
  ends: z.array(z.string()),
});
const ProblemSchema = z.strictObject({ problem: z.string() });

/** What a model's chat template can show, and what ends its answers (trainer/template_facts.py); or why it takes no chats. */
export type TemplateFacts = z.infer<typeof FactsSchema> | z.infer<typeof ProblemSchema>;

/** By trying the template, which takes about three seconds. A tokenizer that does not load is a problem as well. */
export async function templateFacts({
  python,
  modelPath,
}: {
  python: string;
  modelPath: string;
}): Promise<TemplateFacts> {
  try {
    const told = await askTokenizer({ python, module: 'template_facts', modelPath });
    return z.union([FactsSchema, ProblemSchema]).parse(JSON.parse(told));
  } catch (error) {
    if (!(error instanceof UnusableTokenizer)) throw error;
    return { problem: error.message };
  }
}
