import { literal, Op } from 'sequelize';
import { closeRun } from '../../activities/runs/finish-run.ts';
import { leaseTiming } from '../../activities/runs/timing.ts';
import { type Orchestration, OrchestrationUnavailableError } from '../../commands/workflows/client.ts';
import { workflowOf } from '../../commands/workflows/run-workflow.ts';
import type { OpenTraining, TrainingState } from '../../commands/workflows/training-client.ts';
import { connection, Run } from '../../models/runs/run.ts';
import { RunEvent } from '../../models/runs/run-event.ts';
import { isFinal } from '../../models/runs/statuses.ts';
import { transition } from '../../models/runs/transition.ts';
import type { Env } from '../../platform/env.ts';
import type { Logger } from '../../platform/logger.ts';
import { isDatabaseAway } from '../../platform/postgres/database-away.ts';

const PAGE_ROWS = 1_000;

/** How the row of a run is to end, with the sentence for the user where it failed. */
interface End {
  to: 'failed' | 'cancelled';
  message: string;
}

/**
 * Compares the rows of runs with their workflows, and mends what contradicts: after a workflow was terminated or reset by
 * hand, after the database or Temporal lost what it had, or is an older copy of itself. What it found and what it did about
 * it are in an event of the run (`reconciled`) and in the log. Where both agree it changes nothing.
 */
export class Reconciler {
  readonly #env: Env;
  readonly #orchestration: Orchestration;
  readonly #logger: Logger;
  readonly #pageRows: number;
  /** Since when an open workflow has been seen whose run is not open, by workflow id. */
  readonly #strayFromMs = new Map<string, number>();

  /** @param pageRows so many rows of runs are in memory at once */
  constructor(env: Env, orchestration: Orchestration, logger: Logger, pageRows = PAGE_ROWS) {
    this.#env = env;
    this.#orchestration = orchestration;
    this.#logger = logger;
    this.#pageRows = pageRows;
  }

  /**
   * One look at all that is open on either side, page by page: however many there are, it takes as little memory. Rejects when
   * the database or Temporal is away; a run that cannot be looked at keeps no other from it.
   */
  async look(): Promise<void> {
    const listed = new Set<number>();
    const strays = new Set<string>();
    for await (const page of this.#orchestration.openTrainings()) {
      const runs = await rowsOf(page);
      for (const { workflowId, runId } of page) {
        const run = runs.get(workflowId);
        if (run && (runId === null || runId === run.id)) listed.add(run.id);
        if (isStray(run)) {
          strays.add(workflowId);
          await this.#each(run?.id, () => this.#endStray(workflowId, run));
        }
      }
    }
    for (const workflowId of this.#strayFromMs.keys())
      if (!strays.has(workflowId)) this.#strayFromMs.delete(workflowId);
    for await (const id of openRows(this.#pageRows)) {
      // The list of workflows is late, so it tells only where to look closely.
      if (!listed.has(id)) await this.#each(id, () => this.#mendRun(id));
    }
  }

  /** What is wrong with one run is no reason not to look at the next one; a server that is away is. */
  async #each(runId: number | undefined, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (isDatabaseAway(error) || error instanceof OrchestrationUnavailableError) throw error;
      this.#logger.error({ err: error, runId }, 'A run could not be compared with its workflow.');
    }
  }

  async #mendRun(runId: number): Promise<void> {
    const asked = await Run.findByPk(runId);
    if (!asked) return;
    const state = await this.#orchestration.trainingState({ runId, workflowId: asked.workflow_id });
    if (state.is === 'open') return;
    // A workflow writes its end into the row before it ends: read after it has, the row must know.
    const run = await Run.findByPk(runId);
    if (!run || run.workflow_closed_at || run.workflow_id !== asked.workflow_id) return;
    if (isFinal(run.status)) return await this.#close(run);
    // Its holder hears from Temporal that nobody waits for it, saves, and hands the run back.
    if (await isHeld(run)) return;
    const end = endOf(run, state);
    if (end) await this.#end(run, state, end);
    else await this.#startAgain(run, state);
  }

  /** The last step of the workflow of a run that has ended was not done: does it. */
  async #close(run: Run): Promise<void> {
    if (!(await hasEndedFor(run, leaseTiming(this.#env.heartbeatTimeoutMs).ttlMs))) return;
    await closeRun(this.#env, run);
  }

  async #end(run: Run, state: TrainingState, { to, message }: End): Promise<void> {
    const found = sentenceOf(state);
    await connection().transaction(async (transaction) => {
      const set = to === 'failed' ? { set: { error_class: 'WorkflowEnded', error_message: message } } : {};
      const why = { reason: 'reconciled' };
      // Written first, since nothing follows the event that ends a run.
      await RunEvent.create(
        { run_id: run.id, kind: 'reconciled', data: { found, done: `The run is ${to}.` } },
        { transaction },
      );
      const ended = await transition({
        runId: run.id,
        to,
        from: [run.status],
        phase: 'finished',
        why,
        transaction,
        ...set,
      });
      if (!ended) throw new Error(`Run ${run.id} changed while it was compared with its workflow.`);
    });
    this.#logger.warn({ runId: run.id, workflowId: run.workflow_id, found }, `Reconciled: the run is ${to}.`);
  }

  async #startAgain(run: Run, state: TrainingState): Promise<void> {
    const found = sentenceOf(state);
    const done = 'Its workflow was started again; the run goes on from its last checkpoint.';
    await this.#orchestration.startTrainingAgain(await workflowOf(run), state);
    await RunEvent.create({ run_id: run.id, kind: 'reconciled', data: { found, done } });
    this.#logger.warn({ runId: run.id, workflowId: run.workflow_id, found }, `Reconciled: ${done}`);
  }

  /** Cancels an open workflow whose run has ended, or is not there, once it has had the time to end by itself. */
  async #endStray(workflowId: string, run: StrayRow | undefined): Promise<void> {
    const fromMs = this.#strayFromMs.get(workflowId) ?? performance.now();
    this.#strayFromMs.set(workflowId, fromMs);
    if (performance.now() - fromMs < 2 * this.#env.heartbeatTimeoutMs) return;
    // An orchestrator that stands still since it wrote the end of the run is given its last step anew, once or more.
    if (run && (await this.#orchestration.isEnding(workflowId))) return;
    this.#strayFromMs.set(workflowId, performance.now());
    if (!(await this.#orchestration.cancelTraining(workflowId))) return;
    const found = run
      ? `Its workflow was open, and the run is ${run.status}.`
      : 'No run of the database has this workflow.';
    this.#logger.warn({ workflowId, runId: run?.id, found }, 'Reconciled: the workflow was cancelled.');
    if (!run) return;
    const done = 'The workflow was cancelled; the run keeps its end.';
    await RunEvent.create({ run_id: run.id, kind: 'reconciled', data: { found, done } });
  }
}

type StrayRow = Pick<Run, 'id' | 'workflow_id' | 'status' | 'workflow_started_at' | 'workflow_closed_at'>;

/** The rows that a page of workflows belongs to, by their workflow. */
async function rowsOf(page: OpenTraining[]): Promise<Map<string, StrayRow>> {
  const rows = await Run.findAll({
    where: { workflow_id: page.map(({ workflowId }) => workflowId) },
    attributes: ['id', 'workflow_id', 'status', 'workflow_started_at', 'workflow_closed_at'],
    raw: true,
  });
  return new Map(rows.map((run) => [run.workflow_id, run]));
}

/** Whether nobody needs an open workflow. One that is just ending does so by itself, or is cancelled by the dispatcher. */
function isStray(run: StrayRow | undefined): boolean {
  return !run || (isFinal(run.status) && !(run.workflow_started_at && !run.workflow_closed_at));
}

/** The runs that were handed to Temporal and are not done there, by their ids, read in pages by key. */
async function* openRows(pageRows: number): AsyncGenerator<number> {
  for (let after = 0; ; ) {
    const page = await Run.findAll({
      where: { id: { [Op.gt]: after }, workflow_started_at: { [Op.ne]: null }, workflow_closed_at: null },
      attributes: ['id'],
      order: [['id', 'ASC']],
      limit: pageRows,
      raw: true,
    });
    for (const { id } of page) yield id;
    const last = page.at(-1);
    if (!last || page.length < pageRows) return;
    after = last.id;
  }
}

/** Whether somebody works on it, by the clock that leases go by. */
async function isHeld(run: Run): Promise<boolean> {
  if (run.status !== 'running') return false;
  const held = { id: run.id, status: 'running', lease_expires_at: { [Op.gt]: connection().fn('now') } };
  return (await Run.count({ where: held })) > 0;
}

/** Whether a run ended so long ago, by the clock that dated its end. */
async function hasEndedFor(run: Run, ms: number): Promise<boolean> {
  const ended = literal(`id = ${run.id} AND finished_at < now() - interval '${ms} milliseconds'`);
  return (await Run.count({ where: ended })) > 0;
}

/** How the run ends, as its workflow did; null: it is to go on with a workflow of its own. */
function endOf(run: Run, state: TrainingState): End | null {
  const again = `Start it again with POST /${run.job_id === null ? `projects/${run.project_id}/retry` : `jobs/${run.job_id}/start`}: it goes on from its last checkpoint.`;
  switch (state.is) {
    case 'ended':
      // Completed means that the row has the result, and an older copy of the row has none: it is to be found again.
      if (state.outcome.status === 'completed') return null;
      return {
        to: state.outcome.status,
        message: state.outcome.message ?? `Its workflow says that it failed. ${again}`,
      };
    case 'broken_off':
      if (state.how === 'cancelled') return { to: 'cancelled', message: '' };
      return {
        to: 'failed',
        message: `Its workflow ${HOW[state.how]}${state.message ? ` (${state.message})` : ''}. ${again}`,
      };
    default:
      return null;
  }
}

const HOW = {
  cancelled: 'was cancelled in Temporal',
  failed: 'failed in Temporal',
  terminated: 'was terminated in Temporal',
  timed_out: 'timed out in Temporal',
} as const;

function sentenceOf(state: TrainingState): string {
  switch (state.is) {
    case 'open':
      return 'Its workflow is open.';
    case 'ended':
      return `Its workflow had ended as ${state.outcome.status}, and the run had not.`;
    case 'broken_off':
      return `Its workflow ${HOW[state.how]}.`;
    case 'lost':
      return state.otherRunId === null
        ? 'Temporal does not know its workflow.'
        : `The workflow of its name is that of run ${state.otherRunId}, which this database does not have.`;
  }
}
