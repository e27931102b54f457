import { ApplicationFailure, Context } from '@temporalio/activity';
import { CancelledFailure } from '@temporalio/common';
import type {
  ActivityExecuteInput,
  ActivityInboundCallsInterceptor,
  ActivityInterceptorsFactory,
  Next,
} from '@temporalio/worker';
import { z } from 'zod';
import { forgetTrouble, noteTrouble, type Trouble } from '../models/runs/run-trouble.ts';
import type { Env } from '../platform/env.ts';
import { failureOf } from '../platform/failure-of.ts';
import { isDatabaseAway } from '../platform/postgres/database-away.ts';
import { FAILURE_TYPES } from '../workflows/contract.ts';

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 5 * 60_000;
/** However long it takes: one that has been tried less often may only have been unlucky. */
const LEAST_ATTEMPTS = 4;

const OfARun = z.object({ runId: z.int() });

/**
 * What becomes of an activity that fails: of every one, in one place. What a user gave ends the run with its sentence. What
 * may be mended is tried again, ever more seldom, and its run says why it waits; in the end the run is given up with that
 * sentence. Activities that know better throw an ApplicationFailure, which stays as it is.
 */
export function failing({ giveUpAfterMs }: Pick<Env, 'giveUpAfterMs'>): ActivityInterceptorsFactory {
  return () => ({
    inbound: {
      async execute(input: ActivityExecuteInput, next: Next<ActivityInboundCallsInterceptor, 'execute'>) {
        const run = OfARun.safeParse(input.args[0]).data;
        try {
          const result = await next(input);
          if (run && !Context.current().info.isLocal) await forgetTrouble(run.runId).catch(() => {});
          return result;
        } catch (error) {
          throw run ? await verdictOn(error, run.runId, giveUpAfterMs) : error;
        }
      },
    },
  });
}

/** What Temporal is to be told. */
async function verdictOn(error: unknown, runId: number, giveUpAfterMs: number): Promise<unknown> {
  if (error instanceof CancelledFailure || error instanceof ApplicationFailure || isDatabaseAway(error)) return error;
  const { kind, sentence } = failureOf(error);
  if (kind === 'user') return ApplicationFailure.nonRetryable(sentence, FAILURE_TYPES.badInput);
  let trouble: Trouble | null;
  try {
    trouble = await noteTrouble(runId, sentence);
  } catch {
    // The database is away as well: it is noted the next time.
    return error;
  }
  if (trouble === null) return error;
  if (trouble.sinceMs > giveUpAfterMs && trouble.attempts >= LEAST_ATTEMPTS)
    return ApplicationFailure.nonRetryable(gaveUp(sentence, trouble), FAILURE_TYPES.gaveUp);
  const nextRetryDelay = waitAfter(trouble.attempts);
  return ApplicationFailure.create({ message: sentence, type: 'Waiting', nextRetryDelay, cause: asError(error) });
}

/** So long after so many attempts that failed. */
export function waitAfter(attempts: number): number {
  return Math.min(FIRST_WAIT_MS * 2 ** (attempts - 1), LONGEST_WAIT_MS);
}

/** The end of a run that could not go on for so long. */
export function gaveUp(sentence: string, { attempts, sinceMs }: Trouble): string {
  const minutes = Math.round(sinceMs / 60_000);
  const time = minutes < 120 ? `${minutes} minutes` : `${Math.round(minutes / 60)} hours`;
  return `${sentence} It was tried ${attempts} times in ${time}. Start the run again once that is mended: it goes on from its last checkpoint.`;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
