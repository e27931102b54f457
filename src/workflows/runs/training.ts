import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  ContinueAsNew,
  isCancellation,
  patched,
  setCurrentDetails,
  sleep,
  upsertSearchAttributes,
} from '@temporalio/workflow';
import { searchAttributeKeys } from '../../../temporal/search-attributes.ts';
import { FAILURE_TYPES, type TrainingInput, type TrainingOutcome } from '../contract.ts';
import { data, display, light, line, trainingActivities } from './activities.ts';
import { baseModel } from './base-model.ts';
import { Pausing } from './pausing.ts';
import { Stages } from './stages.ts';

/** One run, of a job or a project alike: prepare, verify (and download, where the model is not there), queue, train, validate, finish. */
export async function trainingWorkflow(input: TrainingInput): Promise<TrainingOutcome> {
  const { runId, heartbeatTimeoutMs } = input;
  const training = trainingActivities(heartbeatTimeoutMs);
  // Workflows that began before there were stages look at the database by a timer to show where they are.
  const stages = patched('stages') ? new Stages() : null;
  const pausing = new Pausing(input, stages);
  const shown = new CancellationScope();
  const showing = stages ? null : shown.run(() => showProgress(runId));
  let outcome: TrainingOutcome;
  let endedBy: unknown = null;
  try {
    if (stages) await pausing.over();
    const prepare = { summary: 'Mix the datasets into training and held-out rows' };
    stages?.begin('prepare');
    for (;;) {
      const prepared = await data.prepareData.executeWithOptions(prepare, [{ runId }]);
      if (!('to' in prepared)) {
        stages?.tell(`${prepared.trainRows} training rows, ${prepared.heldOutRows} held out`);
        break;
      }
      await pausing.untilRoom(prepared);
    }
    await baseModel(runId, pausing, stages);
    stages?.begin('queue');
    const queue = () =>
      line.queueRun.executeWithOptions({ summary: 'Wait for its turn and a free worker' }, [{ runId }]);
    // Also where it is paused by now: the row says so from then on.
    const gaveWay = await queue();
    if (stages && gaveWay) await pausing.unlessPaused(queue);
    const train = { summary: 'Train on a worker, resuming from the last checkpoint' };
    // A trained run goes before untrained ones: it needs minutes, they need hours.
    const validate = { summary: 'Load, generate, compare base and tuned', priority: { priorityKey: 1 } };
    const trainInItsTurn = async () => {
      for (;;) {
        const gaveWay = await training.trainModel.executeWithOptions(train, [{ runId }]);
        if (gaveWay?.to !== 'line') return gaveWay;
        // Its turn was taken back before a worker had begun.
        stages?.begin('queue');
        await pausing.unlessPaused(queue);
        stages?.begin('train');
      }
    };
    outcome = await remembered(async () => {
      stages?.begin('train');
      await pausing.unlessPaused(trainInItsTurn);
      stages?.begin('validate');
      await pausing.unlessPaused(() => training.validateModel.executeWithOptions(validate, [{ runId }]));
      stages?.begin('finish');
      return await finish(runId, 'completed');
    });
  } catch (error) {
    if (error instanceof ContinueAsNew) throw error;
    endedBy = error;
    outcome = isCancellation(endedBy)
      ? await finish(runId, 'cancelled')
      : await finish(runId, 'failed', causeOf(endedBy));
  }
  if (stages) {
    stages.end(outcome.status, endSentences(outcome));
    await CancellationScope.nonCancellable(() => pausing.settled());
    return await asItEnded(outcome, endedBy);
  }
  shown.cancel();
  await showing;
  await showOnce(runId);
  await pausing.settled();
  return outcome;
}

/**
 * What ends a workflow as its run ended, so that the lists and filters of the Temporal Web UI tell a failed run from a
 * completed one. @throws ApplicationFailure with the outcome as its detail; CancelledFailure
 */
async function asItEnded(outcome: TrainingOutcome, endedBy: unknown): Promise<TrainingOutcome> {
  if (outcome.status === 'cancelled') {
    if (isCancellation(endedBy)) throw endedBy;
    // The database and its worker knew first. Temporal takes a workflow for cancelled only where it was asked to cancel it,
    // and finishRun has asked.
    await CancellationScope.current().cancelRequested;
  }
  if (outcome.status !== 'failed') return outcome;
  const { errorClass } = causeOf(endedBy);
  const failure = ApplicationFailure.nonRetryable(outcome.message ?? 'The run failed.', errorClass, outcome);
  // The Web UI shows it after the message, and whoever reads that has nothing to look for in our code.
  failure.stack = '';
  throw failure;
}

/** How a run ended, in Markdown, for whoever looks at its workflow. */
function endSentences({ message, verdict, outputPath, weightsSha256, interruptions = [] }: TrainingOutcome): string {
  const told = [
    message,
    verdict === 'same' ? 'The model is the SAME as its base, as far as held-out rows show.' : null,
    verdict && verdict !== 'same' ? `The model is ${verdict.toUpperCase()} than its base on held-out rows.` : null,
    outputPath ? `Output: \`${outputPath}\`.` : null,
    weightsSha256 ? `Weights: sha256 \`${weightsSha256}\`.` : null,
  ];
  const interrupted =
    interruptions.length === 0 ? [] : ['', 'Interrupted, and gone on:', '', ...interruptions.map((one) => `- ${one}`)];
  return [told.filter(Boolean).join(' '), ...interrupted].join('\n');
}

/** Does the stages, and again where the database knows no more of one that was done: what is on disk makes them short. */
async function remembered<T>(stages: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await stages();
    } catch (error) {
      if (causeOf(error).errorClass !== FAILURE_TYPES.stageForgotten) throw error;
    }
  }
}

/** The last write of a run, which a cancel must not reach. A run that ended meanwhile keeps the end it has. */
async function finish(
  runId: number,
  outcome: TrainingOutcome['status'],
  cause?: { errorClass: string; message: string },
): Promise<TrainingOutcome> {
  return await CancellationScope.nonCancellable(() =>
    light.finishRun.executeWithOptions({ summary: `Finish: ${outcome}` }, [{ runId, outcome, ...cause }]),
  );
}

/** The sentence for the user: activities put it into the failure that ends their retries. */
function causeOf(error: unknown): { errorClass: string; message: string } {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure) {
    return { errorClass: cause.type ?? 'Error', message: cause.message };
  }
  return { errorClass: FAILURE_TYPES.trainerFailed, message: cause instanceof Error ? cause.message : String(cause) };
}

const SHORTEST_SHOW_MS = 5_000;

/**
 * Shows where the run is, in workflows that began before there were stages. The database has the truth and this only displays it, so it may be late: each wait is longer
 * than the one before by a twentieth, which keeps a run of days under 300 looks (about 2,000 events of history).
 */
async function showProgress(runId: number): Promise<void> {
  try {
    for (let waitMs = SHORTEST_SHOW_MS; ; waitMs = Math.ceil(waitMs * 1.05)) {
      await showOnce(runId);
      await sleep(waitMs, { summary: 'Next look at the progress' });
    }
  } catch (error) {
    if (!isCancellation(error)) throw error;
  }
}

async function showOnce(runId: number): Promise<void> {
  try {
    const { status, workerId, details } = await display.describeRun({ runId });
    setCurrentDetails(details);
    upsertSearchAttributes([
      { key: searchAttributeKeys.status, value: status },
      { key: searchAttributeKeys.worker, value: workerId ?? 'none' },
    ]);
  } catch (error) {
    if (isCancellation(error)) throw error;
    // A display that fails now is made good by the next one; the run itself must not suffer from it.
  }
}
