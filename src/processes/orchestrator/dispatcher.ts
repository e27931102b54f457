import { literal, Op } from 'sequelize';
import { gaveUp, waitAfter } from '../../activities/failing.ts';
import {
  type Orchestration,
  OrchestrationUnavailableError,
  RefusedByTemporalError,
} from '../../commands/workflows/client.ts';
import { workflowOf } from '../../commands/workflows/run-workflow.ts';
import { letIntoLine } from '../../models/runs/bars.ts';
import { admitNext } from '../../models/runs/line.ts';
import { Run } from '../../models/runs/run.ts';
import { forgetTrouble, noteTrouble } from '../../models/runs/run-trouble.ts';
import { OPEN_STATUSES } from '../../models/runs/statuses.ts';
import { transition } from '../../models/runs/transition.ts';
import type { Env } from '../../platform/env.ts';
import { failureOf } from '../../platform/failure-of.ts';
import type { Logger } from '../../platform/logger.ts';
import { isDatabaseAway } from '../../platform/postgres/database-away.ts';
import { withinTrace } from '../../platform/tracing.ts';

/** A file-backed Temporal starts about 25 workflows a second; more at once would only wait there. */
const AT_ONCE = 8;
const BATCH = 200;
/** A start that was under way when its run ended is over by then, also that of another process: calls of Temporal take less. */
const CLOSE_AFTER_S = 15;
/** A cancel that was delivered needs a moment to take effect: do not repeat it at every sweep. */
const REPEAT_CANCEL_AFTER_MS = 10_000;

/**
 * Carries committed rows over to Temporal: cancels the workflow of every run that was cancelled, lets the next runs begin and
 * starts their workflows. The database is the list of what is to do, so nothing is lost while Temporal or this process is
 * away, and doing it twice changes nothing: workflow ids are fixed. A run that cannot be handled keeps no other from it.
 */
export class Dispatcher {
  readonly #env: Pick<Env, 'giveUpAfterMs'>;
  readonly #orchestration: Orchestration;
  readonly #logger: Logger;
  readonly #cancelledAtMs = new Map<number, number>();
  /** Not to be tried again before. */
  readonly #nextTryMs = new Map<number, number>();

  constructor(env: Pick<Env, 'giveUpAfterMs'>, orchestration: Orchestration, logger: Logger) {
    this.#env = env;
    this.#orchestration = orchestration;
    this.#logger = logger;
  }

  /** One pass over all there is to do. Rejects when the database or Temporal is away; what was done stays done. */
  async sweep(): Promise<void> {
    await this.#cancelCancelled();
    await closeNeverStarted();
    await letIntoLine();
    await admitNext();
    await this.#startAdmitted();
  }

  async #startAdmitted(): Promise<void> {
    const runs = await Run.findAll({
      // One that was paused at once has been started by that, which nobody noted.
      where: {
        status: OPEN_STATUSES,
        admitted_at: { [Op.ne]: null },
        workflow_started_at: null,
        workflow_closed_at: null,
      },
      order: [['id', 'ASC']],
      limit: BATCH,
    });
    const due = runs.filter(({ id }) => (this.#nextTryMs.get(id) ?? 0) <= Date.now());
    await this.#each(due, (run) => this.#startOne(run));
    const known = new Set(runs.map(({ id }) => id));
    for (const id of this.#nextTryMs.keys()) if (!known.has(id)) this.#nextTryMs.delete(id);
  }

  async #startOne(run: Run): Promise<void> {
    try {
      const workflow = await workflowOf(run);
      await withinTrace(run.trace_parent, () => this.#orchestration.startTraining(workflow));
      const { id: runId, workflow_id: workflowId, job_id: jobId, project_id: projectId } = run;
      this.#logger.info({ runId, workflowId, jobId, projectId }, 'Started the workflow of a run.');
    } catch (error) {
      return await this.#couldNotStart(run, error);
    }
    await Run.update(
      { workflow_started_at: new Date() },
      { where: { id: run.id, workflow_started_at: null }, silent: true },
    );
    if (run.waiting_attempts > 0) await forgetTrouble(run.id);
  }

  /** The run says why it is not started. What Temporal refuses for good, or for too long, ends it. */
  async #couldNotStart(run: Run, error: unknown): Promise<void> {
    if (isDatabaseAway(error)) throw error;
    const { sentence } = failureOf(error);
    const isAway = error instanceof OrchestrationUnavailableError;
    const trouble = await noteTrouble(run.id, isAway ? `${sentence} The run begins when it does.` : sentence);
    this.#logger.warn({ err: error, runId: run.id }, 'A run could not be started.');
    if (isAway) throw error;
    const isTooLong = trouble !== null && trouble.sinceMs > this.#env.giveUpAfterMs;
    if (trouble === null || !(isTooLong || error instanceof RefusedByTemporalError)) {
      this.#nextTryMs.set(run.id, Date.now() + waitAfter(trouble?.attempts ?? 1));
      return;
    }
    const error_message = error instanceof RefusedByTemporalError ? sentence : gaveUp(sentence, trouble);
    const set = { error_class: 'NotStarted', error_message };
    await transition({ runId: run.id, to: 'failed', phase: 'finished', set });
  }

  async #cancelCancelled(): Promise<void> {
    const runs = await Run.findAll({
      where: {
        status: 'cancelled',
        admitted_at: { [Op.ne]: null },
        workflow_started_at: { [Op.ne]: null },
        workflow_closed_at: null,
      },
      attributes: ['id', 'workflow_id'],
      order: [['id', 'ASC']],
      limit: BATCH,
    });
    const due = runs.filter(({ id }) => Date.now() - (this.#cancelledAtMs.get(id) ?? 0) >= REPEAT_CANCEL_AFTER_MS);
    await this.#each(due, async ({ id, workflow_id }) => {
      try {
        const delivered = await this.#orchestration.cancelTraining(workflow_id);
        // One that is there no more is closed by the reconciler, which clears up after it.
        if (delivered) this.#cancelledAtMs.set(id, Date.now());
      } catch (error) {
        if (error instanceof OrchestrationUnavailableError) throw error;
        this.#cancelledAtMs.set(id, Date.now());
        this.#logger.warn({ err: error, runId: id }, 'The workflow of a cancelled run could not be cancelled.');
      }
    });
    const open = new Set(runs.map(({ id }) => id));
    for (const id of this.#cancelledAtMs.keys()) if (!open.has(id)) this.#cancelledAtMs.delete(id);
  }

  /** A few at once. All of them end before this does, also when one fails: a sweep leaves nothing under way. */
  async #each(runs: Run[], work: (run: Run) => Promise<void>): Promise<void> {
    const queue = [...runs];
    const lanes = await Promise.allSettled(
      Array.from({ length: AT_ONCE }, async () => {
        for (let run = queue.shift(); run; run = queue.shift()) await work(run);
      }),
    );
    const failed = lanes.find((lane) => lane.status === 'rejected');
    if (failed) throw failed.reason;
  }
}

/**
 * Runs that may have begun, and ended before they did: nothing is left to do for them, and whoever follows their events is to
 * know. A workflow that one of them has all the same is a stray (see reconciler.ts).
 */
async function closeNeverStarted(): Promise<void> {
  const ended = literal(`finished_at < now() - interval '${CLOSE_AFTER_S} seconds'`);
  const where = {
    admitted_at: { [Op.ne]: null },
    workflow_started_at: null,
    workflow_closed_at: null,
    status: { [Op.notIn]: OPEN_STATUSES },
    [Op.and]: ended,
  };
  await Run.update({ workflow_closed_at: new Date() }, { where, silent: true });
}
