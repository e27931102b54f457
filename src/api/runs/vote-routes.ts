import { findRun } from '../../commands/runs/owners.ts';
import { addVote, requireVoteOn } from '../../commands/runs/votes.ts';
import { Vote, votesOnPairs } from '../../models/runs/vote.ts';
import type { Env } from '../../platform/env.ts';
import type { Endpoints } from '../http/endpoint.ts';
import { limitsOf, pageOf } from '../http/list-query.ts';
import { date } from '../http/shared-schema.ts';
import type { RunsOfKind } from './runs-of-kind.ts';
import { RunQuery } from './schema.ts';
import { KeptVoteSchema, VoteCreate, VotesQuery, VotesSchema } from './vote-schema.ts';

/** Which of two answers somebody found better: of a model of the run, and another one. */
export function addRunVotes(endpoints: Endpoints, { kind, path, common, errors }: RunsOfKind, env: Env): void {
  endpoints.add({
    ...common,
    method: 'post',
    path: `${path}/votes`,
    role: 'trainer',
    summary: 'Keep with a run which of two answers was better',
    query: RunQuery,
    body: VoteCreate,
    success: { status: 201, description: 'The vote', schema: KeptVoteSchema },
    creates: true,
    errors: {
      400: 'Neither model is one of the run, or both are the same',
      404: `No such ${kind}, run or model`,
    },
    handle: async ({ params: { id }, query, body, once }) => {
      const run = await findRun({ kind, id }, query.run);
      const { left_model, right_model, better, blind, ...said } = body;
      const vote = { left_model, right_model, better, blind, said };
      await requireVoteOn(run, vote, env);
      return await once(
        async (transaction) => presentKept(await addVote(run, vote, transaction)),
        JSON.stringify([run.number, body]),
      );
    },
  });

  endpoints.add({
    ...common,
    path: `${path}/votes`,
    role: 'viewer',
    summary: 'The votes that a run has, newest first, and how many each model of a pair has',
    query: VotesQuery,
    success: { status: 200, description: 'A page of votes', schema: VotesSchema },
    errors,
    handle: async ({ params: { id }, query: { run: number, ...page } }) => {
      const run = await findRun({ kind, id }, number);
      const [{ rows, count }, pairs] = await Promise.all([
        Vote.findAndCountAll({ where: { run_id: run.id }, order: [['id', 'DESC']], ...limitsOf(page) }),
        votesOnPairs(run.id),
      ]);
      return { run_number: run.number, pairs, ...pageOf(rows.map(presentVote), count, page) };
    },
  });
}

function presentKept({ id, left_model, right_model, better, blind, created_at }: Vote) {
  return { id, left_model, right_model, better, blind, created_at: date(created_at) };
}

function presentVote(vote: Vote) {
  return { ...presentKept(vote), ...vote.said };
}
