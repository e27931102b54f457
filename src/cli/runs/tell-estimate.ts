import type { Plan } from '../api/types.ts';
import { CommandFailure, Refusal } from '../exit-codes.ts';
import type { Session } from '../session.ts';
import { sayIfSlow } from '../terminal/slow.ts';
import { estimateLines } from './estimate-text.ts';

/** Longer, nobody waits for figures who has asked for a training. */
const WAIT_MS = 30_000;
const TOO_LONG = 'The plan takes longer; `mtm job plan` waits for it.';

/** As a plan has them. */
export type EstimateFields = Pick<Plan, 'estimate' | 'no_estimate'>;

/**
 * Says what a training takes before it begins, on standard error. What the plan has counted, the service knows when the training is
 * asked for, so that it counts nothing again. A service that cannot plan now keeps nobody from training: the reason is said.
 * @throws Refusal where what was asked for is wrong: the training would fail for the same reason
 */
export async function tellEstimate(
  { say }: Pick<Session, 'say'>,
  plan: (signal: AbortSignal) => Promise<Plan>,
): Promise<EstimateFields> {
  const left = new AbortController();
  const isComputed = sayIfSlow(say, 'Computing what it takes…');
  const timer = setTimeout(() => left.abort(), WAIT_MS);
  try {
    const planned = await plan(left.signal);
    for (const line of estimateLines(planned)) say(line);
    const { estimate, no_estimate } = planned;
    return { estimate, no_estimate };
  } catch (error) {
    if (error instanceof Refusal && error.isOfRequest) throw error;
    const no_estimate = left.signal.aborted ? TOO_LONG : error instanceof CommandFailure ? error.message : null;
    if (no_estimate === null) throw error;
    say(`No estimate: ${no_estimate}`);
    return { estimate: null, no_estimate };
  } finally {
    isComputed();
    clearTimeout(timer);
  }
}

/**
 * Begins what was planned. Where that does not fit, the plan has said why and what would, in options of the command: a refusal needs
 * not say it again in fields of the API.
 */
export async function beginPlanned<T>({ estimate }: EstimateFields, begin: () => Promise<T>): Promise<T> {
  try {
    return await begin();
  } catch (error) {
    if (!(error instanceof Refusal && error.status === 400) || estimate?.fits !== false) throw error;
    const other = estimate.remedies.length > 0 ? 'one of the changes above' : 'a smaller base model';
    throw new CommandFailure(`It does not fit, and was refused. Take ${other}, or try it all the same with --force.`);
  }
}
