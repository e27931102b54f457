import { useCallback, useEffect, useRef, useState } from 'react';
import { type Asked, answerTo, type Call, type Finish, type Heard } from '../../api/answers.ts';

/** What is known of an answer so far. */
export interface Answer {
  /** `waiting`: the model has not taken the question yet, since it is being loaded, or others are answered. */
  phase: 'waiting' | 'reading' | 'answering' | 'over';
  text: string;
  calls: Call[];
  /** Null: it was stopped, or has failed. */
  finish: Finish | null;
  tokens: number | null;
  /** From its first word on. */
  seconds: number;
  error: Error | null;
}

const BEGUN: Answer = { phase: 'waiting', text: '', calls: [], finish: null, tokens: null, seconds: 0, error: null };

/** An answer that a model gives; a new question ends the one before. */
export function useAnswer() {
  const [answer, setAnswer] = useState<Answer | null>(null);
  const asking = useRef<AbortController | null>(null);
  const stop = useCallback(() => asking.current?.abort(), []);
  // Who leaves the screen waits for nothing more: the model says no more then.
  useEffect(() => stop, [stop]);
  const ask = useCallback(
    (asked: Asked) => {
      stop();
      const leaving = new AbortController();
      asking.current = leaving;
      void hear(asked, leaving.signal, (heard) => {
        if (asking.current === leaving) setAnswer(heard);
      });
    },
    [stop],
  );
  return { answer, ask, stop };
}

async function hear(asked: Asked, signal: AbortSignal, tell: (answer: Answer) => void): Promise<void> {
  let answer = BEGUN;
  let begunAt = performance.now();
  const become = (changes: Partial<Answer>) => {
    if (answer.phase !== 'answering' && changes.phase === 'answering') begunAt = performance.now();
    answer = { ...answer, ...changes };
    tell(answer);
  };
  tell(answer);
  try {
    for await (const heard of answerTo(asked, signal)) become(after(answer, heard));
    become({ phase: 'over', seconds: (performance.now() - begunAt) / 1000 });
  } catch (cause) {
    const error = cause instanceof Error ? cause : new Error(String(cause));
    become({ phase: 'over', finish: null, error: signal.aborted ? null : error });
  }
}

function after(answer: Answer, heard: Heard): Partial<Answer> {
  if ('isTaken' in heard) return { phase: 'reading' };
  if ('text' in heard) return { phase: 'answering', text: answer.text + heard.text };
  if ('calls' in heard) return { calls: [...answer.calls, ...heard.calls] };
  return heard;
}

/** What was answered, in one text: also the calls of tools. */
export function answeredText({ text, calls }: Answer): string {
  return [text, ...calls.map((call) => `${call.name}(${call.arguments})`)].filter((part) => part !== '').join('\n');
}
