import { queryOptions } from '@tanstack/react-query';
import type { components } from '../../../generated/api';
import { type AtWork, untilDone } from './at-work.ts';
import { bodyOf, client } from './client.ts';
import { ownerKey } from './runs.ts';
import type { AskedMessage, RunOwner } from './types.ts';

type Schemas = components['schemas'];
export type Prompt = Schemas['Prompt'];
export type NewVote = Omit<Schemas['VoteCreate'], 'messages'> & { messages: AskedMessage[] };
export type PromptOf = Omit<Schemas['PromptRequest'], 'messages'> & { messages: AskedMessage[] };
export type VotesOnPair = Schemas['Votes']['pairs'][number];

/** A template may write the day. */
const PROMPT_IS_GOOD_MS = 60_000;

/** The exact prompt that a model would answer. It is loaded for that: the prompt is asked for again until it is there. */
export function promptQuery(body: PromptOf) {
  return queryOptions({
    queryKey: ['prompt', body],
    queryFn: () => bodyOf<Prompt | AtWork>(client.POST('/api/v1/playground/prompt', { body })),
    staleTime: PROMPT_IS_GOOD_MS,
    refetchInterval: untilDone,
  });
}

/** The names of all models that can be asked, as OpenAI's clients get them. */
export const modelNamesQuery = queryOptions({
  queryKey: ['model-names'],
  queryFn: async () => {
    const { data } = await bodyOf<{ data: { id: string }[] }>(fetch('/v1/models').then(readModels));
    return data.map(({ id }) => id);
  },
});

async function readModels(response: Response) {
  const body: unknown = await response.json();
  // Of OpenAI's wire, which the generated types leave out, and so does what it refuses.
  if (response.ok) return { response, data: body as { data: { id: string }[] } };
  return { response, error: { detail: (body as { error?: { message?: unknown } }).error?.message } };
}

/** How many votes each model of a pair has. */
export function votesQuery(owner: RunOwner, run: number) {
  const params = { path: { id: owner.id }, query: { run, page_size: 1 } };
  return queryOptions({
    queryKey: [...ownerKey(owner), 'votes', run],
    queryFn: () =>
      owner.kind === 'job'
        ? bodyOf(client.GET('/api/v1/jobs/{id}/votes', { params }))
        : bodyOf(client.GET('/api/v1/projects/{id}/votes', { params })),
  });
}

/** Keeps a vote with a run. Sent again with the same key it counts once. @throws ApiRefusal where it is not about the run */
export function vote(owner: RunOwner, run: number, body: NewVote, key: string) {
  const params = { path: { id: owner.id }, query: { run }, header: { 'Idempotency-Key': key } };
  return owner.kind === 'job'
    ? bodyOf(client.POST('/api/v1/jobs/{id}/votes', { params, body }))
    : bodyOf(client.POST('/api/v1/projects/{id}/votes', { params, body }));
}

/** Where all votes of a run are, with what was asked and said: the newest hundred. */
export function votesFile({ kind, id }: RunOwner, run: number): string {
  return `/api/v1/${kind}s/${id}/votes?run=${run}&page_size=100`;
}
