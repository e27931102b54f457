import {
  type Client,
  WithStartWorkflowOperation,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  WorkflowNotFoundError,
  type WorkflowStartOptions,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { z } from 'zod';
import { searchAttributeKeys } from '../../../temporal/search-attributes.ts';
import type { Env } from '../../platform/env.ts';
import {
  ORCHESTRATION_QUEUE,
  type OrchestrationActivities,
  pauseRunUpdate,
  resumeRunUpdate,
  type TrainingOutcome,
} from '../../workflows/contract.ts';
import type { trainingWorkflow } from '../../workflows/index.ts';
import type { KnownWorkflow, RunWorkflow } from './run-workflow.ts';

/** What Temporal says of a run's workflow. */
export type TrainingState =
  | { is: 'open' }
  /** It ended by itself, as it says. */
  | { is: 'ended'; outcome: TrainingOutcome }
  /** Somebody or something ended it, so that its last step was not done. */
  | { is: 'broken_off'; how: 'cancelled' | 'failed' | 'terminated' | 'timed_out'; message: string | null }
  /** Temporal does not know it; or knows one of that id which is another run's. */
  | { is: 'lost'; otherRunId: number | null };

/** A workflow that is open, as the list of workflows has it: some seconds late. */
export interface OpenTraining {
  workflowId: string;
  /** Null where the namespace lacks our search attributes. */
  runId: number | null;
}

/** What the service asks of Temporal about the workflows of runs. */
export interface Trainings {
  /** Starts the run's workflow; one that is already there counts as started. */
  startTraining(run: RunWorkflow): Promise<void>;
  /** Starts it again, also where Temporal has one of that id: one that is open and another run's is terminated. */
  startTrainingAgain(run: RunWorkflow, state: TrainingState): Promise<void>;
  /** Pauses a run, or lets it go on: returns once that is written. False when the run has ended. */
  pauseTraining(run: RunWorkflow, pause: boolean): Promise<boolean>;
  /** Asks a run's workflow to cancel. False when there is no such workflow (any more). */
  cancelTraining(workflowId: string): Promise<boolean>;
  /** Whether the last step of a workflow is under way, or is going to be tried again: then it ends by itself. */
  isEnding(workflowId: string): Promise<boolean>;
  /** Every open workflow of a run, in pages. Each page has a deadline. */
  openTrainings(): AsyncIterable<OpenTraining[]>;
  trainingState(run: KnownWorkflow): Promise<TrainingState>;
}

const LAST_STEP: keyof OrchestrationActivities = 'finishRun';
const CALL_TIMEOUT_MS = 5_000;
/** With the ping before it, less than the 5 s within which everybody is answered, also while the orchestrator is away. */
const PAUSE_TIMEOUT_MS = 3_000;
const PAGE_TIMEOUT_MS = 10_000;
const PAGE_SIZE = 1_000;

/** Runs calls of a client that has a deadline; rejects with OrchestrationUnavailableError while Temporal is away. */
export type Within = <T>(timeoutMs: number, calls: (client: Client) => Promise<T>) => Promise<T>;

/** How Temporal is called. */
export interface Calls {
  within: Within;
  /** For calls that take long when all is well: rejects at once while Temporal is away. */
  withinOnceReachable: Within;
  /** A client each of whose calls has so long by itself. */
  eachWithin(timeoutMs: number): Client;
}

export function trainingsOf(env: Env, { within, withinOnceReachable, eachWithin }: Calls): Trainings {
  const start = (options: WorkflowStartOptions<typeof trainingWorkflow>) =>
    within(CALL_TIMEOUT_MS, async (client) => {
      try {
        await client.workflow.start<typeof trainingWorkflow>('trainingWorkflow', options);
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      }
    });
  return {
    startTraining: (run) => start(trainingOptions(run, env)),

    startTrainingAgain: (run, state) =>
      start({
        ...trainingOptions(run, env),
        workflowIdReusePolicy: 'ALLOW_DUPLICATE',
        workflowIdConflictPolicy:
          state.is === 'lost' && state.otherRunId !== null ? 'TERMINATE_EXISTING' : 'USE_EXISTING',
      }),

    pauseTraining: (run, pause) =>
      withinOnceReachable(PAUSE_TIMEOUT_MS, async (client) => {
        // A run that was just committed may have no workflow yet.
        const startWorkflowOperation = new WithStartWorkflowOperation<typeof trainingWorkflow>(
          'trainingWorkflow',
          trainingOptions(run, env),
        );
        try {
          const update = pause ? pauseRunUpdate : resumeRunUpdate;
          await client.workflow.executeUpdateWithStart(update, { startWorkflowOperation });
          return true;
        } catch (error) {
          if (error instanceof WorkflowUpdateFailedError || error instanceof WorkflowExecutionAlreadyStartedError)
            return false;
          throw error;
        }
      }),

    cancelTraining: (workflowId) =>
      within(CALL_TIMEOUT_MS, async (client) => {
        try {
          await client.workflow.getHandle(workflowId).cancel();
          return true;
        } catch (error) {
          if (error instanceof WorkflowNotFoundError) return false;
          throw error;
        }
      }),

    isEnding: (workflowId) =>
      within(CALL_TIMEOUT_MS, async (client) => {
        try {
          const { raw } = await client.workflow.getHandle(workflowId).describe();
          return (raw.pendingActivities ?? []).some(({ activityType }) => activityType?.name === LAST_STEP);
        } catch (error) {
          if (error instanceof WorkflowNotFoundError) return false;
          throw error;
        }
      }),

    openTrainings: async function* () {
      const query = "WorkflowType = 'trainingWorkflow' AND ExecutionStatus = 'Running'";
      const client = eachWithin(PAGE_TIMEOUT_MS);
      const listed = client.workflow.list({ query, pageSize: PAGE_SIZE })[Symbol.asyncIterator]();
      for (let isMore = true; isMore; ) {
        const page: OpenTraining[] = [];
        await within(PAGE_TIMEOUT_MS, async () => {
          while (isMore && page.length < PAGE_SIZE) {
            const { value, done } = await listed.next();
            isMore = !done;
            if (done) return;
            const runId = value.typedSearchAttributes.get(searchAttributeKeys.runId) ?? null;
            page.push({ workflowId: value.workflowId, runId });
          }
        });
        yield page;
      }
    },

    trainingState: ({ runId, workflowId }) =>
      within(CALL_TIMEOUT_MS, async (client) => {
        const handle = client.workflow.getHandle(workflowId);
        try {
          const { status, typedSearchAttributes } = await handle.describe();
          const knownRunId = typedSearchAttributes.get(searchAttributeKeys.runId) ?? runId;
          if (knownRunId !== runId) return { is: 'lost', otherRunId: knownRunId };
          switch (status.name) {
            case 'COMPLETED':
              return { is: 'ended', outcome: OutcomeSchema.parse(await handle.result()) };
            case 'CANCELLED':
              return { is: 'broken_off', how: 'cancelled', message: null };
            case 'TERMINATED':
              return { is: 'broken_off', how: 'terminated', message: null };
            case 'TIMED_OUT':
              return { is: 'broken_off', how: 'timed_out', message: null };
            case 'FAILED':
              return await failed(handle.result());
            default:
              return { is: 'open' };
          }
        } catch (error) {
          if (error instanceof WorkflowNotFoundError) return { is: 'lost', otherRunId: null };
          throw error;
        }
      }),
  };
}

const OutcomeSchema = z.object({
  status: z.enum(['completed', 'failed', 'cancelled']),
  message: z.string().nullable(),
});

/** A workflow fails with the run's outcome as its detail where the run failed; otherwise something else ended it. */
async function failed(result: Promise<unknown>): Promise<TrainingState> {
  try {
    await result;
    return { is: 'broken_off', how: 'failed', message: null };
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    const { cause } = error;
    const outcome = OutcomeSchema.safeParse(cause instanceof ApplicationFailure ? cause.details?.[0] : null).data;
    return outcome ? { is: 'ended', outcome } : { is: 'broken_off', how: 'failed', message: cause?.message ?? null };
  }
}

/** What a summary, a keyword and a text of the memo may have; a name of 255 characters may have four times as many bytes. */
const MOST_SUMMARY_BYTES = 200;
const MOST_KEYWORD_BYTES = 200;
const MOST_MEMO_BYTES = 1_000;

/** As much of a text as has so many bytes, without half a character at its end. */
function cut(text: string, mostBytes: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= mostBytes) return text;
  return `${bytes
    .subarray(0, mostBytes - 3)
    .toString('utf8')
    .replace(/\uFFFD+$/, '')}…`;
}

function trainingOptions(run: RunWorkflow, env: Env) {
  const { runId, workflowId, owner, name, trainingType, baseModel, data } = run;
  const keyword = (text: string) => cut(text, MOST_KEYWORD_BYTES);
  return {
    workflowId,
    taskQueue: ORCHESTRATION_QUEUE,
    args: [{ runId, heartbeatTimeoutMs: env.heartbeatTimeoutMs }],
    workflowIdConflictPolicy: 'USE_EXISTING',
    // The row says that this run was never started, or that its start was not confirmed: never run it again.
    workflowIdReusePolicy: 'REJECT_DUPLICATE',
    staticSummary: cut(`${name}: ${trainingType} of ${baseModel}`, MOST_SUMMARY_BYTES),
    staticDetails: `Run ${runId} of ${owner}. Status, events, metrics and logs: \`GET /api/v1/${owner.replace('-', 's/')}\` and below it.`,
    typedSearchAttributes: [
      { key: searchAttributeKeys.runId, value: runId },
      { key: searchAttributeKeys.owner, value: owner },
      { key: searchAttributeKeys.status, value: 'pending' },
      { key: searchAttributeKeys.trainingType, value: trainingType },
      { key: searchAttributeKeys.baseModel, value: keyword(baseModel) },
      { key: searchAttributeKeys.name, value: keyword(name) },
      { key: searchAttributeKeys.data, value: data.map(keyword) },
    ],
    memo: { name, owner, trainingType, baseModel, data: cut(data.join(', '), MOST_MEMO_BYTES) },
  } satisfies WorkflowStartOptions<typeof trainingWorkflow>;
}
