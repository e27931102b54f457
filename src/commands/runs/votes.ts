import type { Transaction } from 'sequelize';
import { noteAsked } from '../../models/runs/asked.ts';
import type { Run } from '../../models/runs/run.ts';
import { Vote } from '../../models/runs/vote.ts';
import type { Env } from '../../platform/env.ts';
import { UserError } from '../../platform/failure.ts';
import { findMeant } from '../openai/models.ts';

/** The vote itself, and what it is about. */
export type NewVote = Pick<Vote, 'left_model' | 'right_model' | 'better' | 'blind' | 'said'>;

/**
 * Refuses a vote that is not about the run: a count would stand beside a model that nobody compared.
 * @throws NotFoundError where there is no such model; UserError where both are one, or neither is of the run
 */
export async function requireVoteOn(run: Run, { left_model, right_model }: NewVote, env: Env): Promise<void> {
  if (left_model === right_model)
    throw new UserError(
      `left_model and right_model are both ${left_model}. A vote is on two models: name another one on one side.`,
    );
  const meant = [await findMeant(left_model, env), await findMeant(right_model, env)];
  if (meant.some((one) => 'run' in one && one.run.id === run.id)) return;
  throw new UserError(
    `Neither left_model ${left_model} nor right_model ${right_model} is a model of ${run.workflow_id}. Send the vote to the run of one of them.`,
  );
}

/** Keeps a vote with a run, until the run is deleted. */
export async function addVote(run: Run, vote: NewVote, transaction: Transaction): Promise<Vote> {
  const { left_model, right_model, better } = vote;
  await noteAsked(run.id, { to: 'vote', left_model, right_model, better }, transaction);
  return await Vote.create({ run_id: run.id, ...vote }, { transaction });
}
