import { ApplicationFailure } from '@temporalio/activity';
import { Run } from '../../models/runs/run.ts';
import { isFinal } from '../../models/runs/statuses.ts';
import { FAILURE_TYPES } from '../../workflows/contract.ts';

/** The run, or a failure that ends the workflow when there is nothing left to do for it. */
export async function openRun(runId: number): Promise<Run> {
  const run = await Run.findByPk(runId);
  if (!run) throw ApplicationFailure.nonRetryable(`Run ${runId} is not in the database.`, FAILURE_TYPES.runEnded);
  if (isFinal(run.status)) throw ApplicationFailure.nonRetryable(`The run is ${run.status}.`, FAILURE_TYPES.runEnded);
  return run;
}
