/** Where one attempt ended and the next began. */
export interface Interruption {
  /** The first step of the next attempt. */
  step: number;
  /** A sentence. */
  why: string;
  /** Which worker went on. */
  wentOnWith: string;
}

/** As the curves of a run tell it. */
interface Attempt {
  run_number: number;
  first_step: number;
  worker_id: string | null;
  /** Why it ended; null where it has not, or ended as it should. */
  interruption: string | null;
}

export function interruptionsOf({ attempts }: { attempts: Attempt[] }): Interruption[] {
  return attempts.slice(1).map((attempt, index) => {
    const before = attempts[index];
    const isOtherRun = before !== undefined && before.run_number !== attempt.run_number;
    const why = isOtherRun
      ? `Run ${attempt.run_number} goes on from run ${before.run_number}.`
      : (before?.interruption ?? 'An interruption.');
    return { step: attempt.first_step, why, wentOnWith: attempt.worker_id ?? 'a worker' };
  });
}

/** What a list of interruptions says of one. */
export function sentenceOf({ step, why, wentOnWith }: Interruption): string {
  return `Step ${step}: ${why} Went on with ${wentOnWith}.`;
}
