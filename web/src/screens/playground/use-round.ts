import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { Asked } from '../../api/answers.ts';
import { newKey } from '../../api/idempotency.ts';
import { type NewVote, vote, votesQuery } from '../../api/playground.ts';
import type { RunOwner } from '../../api/types.ts';
import { type Answer, answeredText, useAnswer } from './use-answer.ts';
import type { Sides } from './use-sides.ts';

/** One question to two models, and what is asked then: which answer is better. */
interface Round {
  /** A vote that is sent again counts once. */
  key: string;
  asked: Omit<Asked, 'model'>;
  /** As they are shown: of a blind round in an order that was drawn. */
  sides: Sides;
  isBlind: boolean;
}

/** Asks both models at the same time, and keeps the vote on their answers. */
export function useRound(owner: RunOwner, run: number) {
  const [round, setRound] = useState<Round | null>(null);
  const [left, right] = [useAnswer(), useAnswer()];
  const queries = useQueryClient();
  const { mutate, data, error, isPending, reset } = useMutation({
    mutationFn: ({ body, key }: { body: NewVote; key: string }) => vote(owner, run, body, key),
    onSuccess: () => queries.invalidateQueries({ queryKey: votesQuery(owner, run).queryKey }),
  });
  const ask = (asked: Round['asked'], sides: Sides, isBlind: boolean) => {
    const shown = isBlind && Math.random() < 0.5 ? { left: sides.right, right: sides.left } : sides;
    reset();
    setRound({ key: newKey(), asked, sides: shown, isBlind });
    left.ask({ ...asked, model: shown.left });
    right.ask({ ...asked, model: shown.right });
  };
  const stop = () => {
    left.stop();
    right.stop();
  };
  const send = (better: NewVote['better']) => {
    if (round === null || left.answer === null || right.answer === null) return;
    const { key, asked, sides, isBlind } = round;
    const answers = { left_answer: answeredText(left.answer), right_answer: answeredText(right.answer) };
    const names = { left_model: sides.left, right_model: sides.right };
    mutate({ key, body: { ...names, better, blind: isBlind, ...asked, ...answers } });
  };
  const answers = [left.answer, right.answer];
  return {
    round,
    left: left.answer,
    right: right.answer,
    isBusy: answers.some((answer) => answer !== null && answer.phase !== 'over'),
    ask,
    stop,
    ballot: { obstacle: obstacleTo(round, answers), chosen: data?.better ?? null, isPending, error, onVote: send },
  };
}

function obstacleTo(round: Round | null, answers: (Answer | null)[]): string | null {
  if (round?.sides.left === round?.sides.right) return 'Both are the same model: there is nothing to compare.';
  const isOpen = answers.some((answer) => answer === null || answer.phase !== 'over');
  if (isOpen) return 'You can vote when both have answered.';
  const isMissing = answers.some((answer) => answer?.error || (answer?.finish === null && answer.text === ''));
  return isMissing ? 'There are no two answers to vote on. Ask again.' : null;
}
