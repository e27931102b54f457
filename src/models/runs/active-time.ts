/** A step as it was written, with the tokens that were trained by then and the trainer's own rate. */
export interface WrittenStep {
  step: number;
  at: Date;
  tokens: number | null;
  tokens_per_s: number | null;
}

/** What is known of the time of an attempt. */
export interface AttemptTime {
  first_step: number;
  /** When its first and last steps were written. */
  began_at: Date;
  ended_at: Date;
  /** When it lost its claim; null: not yet. What was written later, a later claim made good (see missed-progress.ts). */
  closed_at: Date | null;
  /** What the steps took that were written first, in seconds: their tokens at the trainer's rate, since nothing before them tells. */
  first_s: number;
}

/** When a step ended, in seconds since its attempt began to train. */
interface Moment {
  step: number;
  seconds: number;
}

/** How many seconds had been trained by the end of each step, over all attempts, without what lies between them. Both lists ascend by step. */
export function activeSeconds(steps: WrittenStep[], attempts: AttemptTime[]): Map<number, number> {
  const found = new Map<number, number>();
  let beforeS = 0;
  attempts.forEach((attempt, index) => {
    const next = attempts[index + 1]?.first_step ?? Number.POSITIVE_INFINITY;
    const own = steps.filter(({ step }) => step >= attempt.first_step && step < next);
    for (const { step, seconds } of momentsOf(attempt, own)) found.set(step, beforeS + seconds);
    beforeS += secondsAt(attempt, attempt.ended_at);
  });
  return found;
}

function secondsAt({ began_at, closed_at, first_s }: AttemptTime, at: Date): number {
  const closed = closed_at?.getTime() ?? Number.POSITIVE_INFINITY;
  return first_s + Math.max(0, Math.min(at.getTime(), closed) - began_at.getTime()) / 1000;
}

/** Steps are written some at a time: those that were written together share the time since the ones before them. */
function momentsOf(attempt: AttemptTime, steps: WrittenStep[]): Moment[] {
  const moments: Moment[] = [];
  for (const { seconds, together } of writingsOf(attempt, steps)) {
    const isFirst = seconds === attempt.first_s;
    const before = moments.at(-1) ?? (isFirst ? { step: attempt.first_step - 1, seconds: 0 } : null);
    moments.push(...(before === null ? backFrom(seconds, together) : between(before, seconds, together)));
  }
  return moments;
}

interface Writing {
  seconds: number;
  together: WrittenStep[];
}

function writingsOf(attempt: AttemptTime, steps: WrittenStep[]): Writing[] {
  const writings: Writing[] = [];
  for (const step of steps) {
    const seconds = secondsAt(attempt, step.at);
    const last = writings.at(-1);
    if (last?.seconds === seconds) last.together.push(step);
    else writings.push({ seconds, together: [step] });
  }
  return writings;
}

function between(before: Moment, seconds: number, together: WrittenStep[]): Moment[] {
  const steps = (together.at(-1)?.step ?? before.step) - before.step;
  return together.map(({ step }) => ({
    step,
    seconds: before.seconds + ((seconds - before.seconds) * (step - before.step)) / steps,
  }));
}

/** Where the steps before are not among those that were read, the tokens tell. */
function backFrom(seconds: number, together: WrittenStep[]): Moment[] {
  const { tokens: until = null, tokens_per_s: rate = null } = together.at(-1) ?? {};
  const since = (tokens: number | null) => (tokens === null || until === null || !rate ? 0 : (until - tokens) / rate);
  return together.map(({ step, tokens }) => ({ step, seconds: Math.max(0, seconds - since(tokens)) }));
}
