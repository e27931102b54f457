import { renderPrompt } from '../../commands/openai/serve-model.ts';
import type { ApiDependencies } from '../http/declaration.ts';
import type { Endpoints } from '../http/endpoint.ts';
import { messageOf, toolsOf } from '../openai/chat/asked.ts';
import { PromptRequest, PromptSchema } from './schema.ts';

/** What whoever tries a model on the page wants to know, and clients of OpenAI do not ask. */
export function addPlayground(endpoints: Endpoints, { env, models }: ApiDependencies): void {
  endpoints.add({
    method: 'post',
    path: '/playground/prompt',
    role: 'trainer',
    changesNothing: true,
    summary: 'The exact prompt that a model would answer; the model is loaded for it, and says nothing',
    tag: 'Playground',
    body: PromptRequest,
    success: { status: 200, description: 'The prompt', schema: PromptSchema },
    errors: {
      400: 'The model cannot be asked this',
      404: 'No such model',
      503: 'No room for the model, or PostgreSQL is away; try again',
    },
    mayTakeLong: true,
    handle: async ({ body, slowly }) => {
      const asked = { model: body.model, messages: body.messages.map(messageOf), tools: toolsOf(body.tools) };
      // Others may wait for the same prompt: it is not given up where one of them leaves.
      const { prompt, prompt_tokens } = await slowly(asked, () =>
        renderPrompt({ env, models }, asked, new AbortController().signal),
      );
      return { prompt, prompt_tokens };
    },
  });
}
