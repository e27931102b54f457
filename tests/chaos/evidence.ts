import { createHash } from 'node:crypto';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { WorkflowNotFoundError } from '@temporalio/client';
import type { RunStatus } from '../../src/models/runs/statuses.ts';
import { until } from '../support/service.ts';
import type { Drive } from './drive.ts';
import type { ChaosWorld, MayFail } from './world.ts';

/** How long the database and Temporal may differ after all is well again. */
const AGREE_WITHIN_MS = 30_000;

interface RunRow {
  id: number;
  status: RunStatus;
  phase: string;
  current_step: number;
  total_steps: number | null;
  lease_epoch: number;
  lease_expires_at: Date | null;
  output_path: string | null;
  output_directory: string;
  workflow_id: string;
  workflow_closed_at: Date | null;
  finished_at: Date | null;
  error_message: string | null;
  result: { final_step: number; weights_sha256: string; staging_path: string } | null;
}

interface EventRow {
  kind: string;
  data: Record<string, unknown>;
}

/** Everything that one run left behind. */
export interface Evidence {
  drive: Drive;
  run: RunRow;
  runsOfOwner: number;
  /** In the order in which they were committed. */
  events: EventRow[];
  metrics: { step: number }[];
  workflow: { status: string; outcome: string | null; executions: number } | null;
  cancel: 'asked' | 'acknowledged' | undefined;
  mayFail: MayFail | undefined;
}

/** Reads what a run that ended left behind. Waits while a server is away: another run's fault may be under way. */
export async function gather(world: ChaosWorld, drive: Drive): Promise<Evidence> {
  const { runId, owner, ownerId, workflowId } = drive.run;
  // First, since the row is to be right once the workflow has ended.
  const workflow = await workflowOf(world, workflowId);
  const [[run], [count], events, metrics] = await Promise.all([
    world.query<RunRow>(`SELECT *, spec->>'output_directory' AS output_directory FROM runs WHERE id = $1`, [runId]),
    world.query<{ n: number }>(`SELECT count(*)::int AS n FROM runs WHERE ${owner}_id = $1`, [ownerId]),
    world.query<EventRow>('SELECT kind, data FROM run_events WHERE run_id = $1 ORDER BY xid, seq', [runId]),
    world.query<{ step: number }>('SELECT step FROM run_metrics WHERE run_id = $1 ORDER BY xid, seq', [runId]),
  ]);
  if (!run || !count) throw new Error(`${drive.name} was acknowledged and is not in the database.`);
  return {
    drive,
    run,
    runsOfOwner: count.n,
    events,
    metrics,
    workflow,
    cancel: world.cancels.get(runId),
    mayFail: world.mayFail.get(runId),
  };
}

async function workflowOf({ temporal }: ChaosWorld, workflowId: string): Promise<Evidence['workflow']> {
  const handle = temporal.workflow.getHandle(workflowId);
  let waitedSince: number | null = null;
  return (
    await until(`Temporal to tell of ${workflowId}`, async () => {
      try {
        const { status } = await handle.describe();
        waitedSince ??= performance.now();
        const isSettled = status.name !== 'RUNNING' || performance.now() - waitedSince > AGREE_WITHIN_MS;
        const { count } = await temporal.workflow.count(`WorkflowId = '${workflowId}'`);
        if (!isSettled || count === 0) return null;
        const outcome = status.name === 'COMPLETED' ? (await handle.result()).status : null;
        return { workflow: { status: status.name, outcome, executions: count } };
      } catch (error) {
        return error instanceof WorkflowNotFoundError ? { workflow: null } : null;
      }
    })
  ).workflow;
}

/** Looks at every file that the manifest of an output vouches for. */
export async function wrongFiles(output: string, weightsSha256: string | undefined): Promise<string[]> {
  const text = await readFile(join(output, 'manifest.json'), 'utf8').catch(() => null);
  if (text === null) return [`has no manifest in ${output}`];
  const manifest = JSON.parse(text) as {
    weights_sha256: string;
    files: Record<string, { sha256: string; bytes: number }>;
  };
  const wrong = manifest.weights_sha256 === weightsSha256 ? [] : ['its manifest names other weights than its row'];
  for (const [name, { sha256, bytes }] of Object.entries(manifest.files)) {
    const content = await readFile(join(output, name)).catch(() => null);
    const isWhole = content?.length === bytes && createHash('sha256').update(content).digest('hex') === sha256;
    if (!isWhole) wrong.push(`the file ${name} of its output is not what its manifest says`);
  }
  return wrong;
}

/** Copies what a run left behind, and the service's logs, for whoever looks into it: the world is removed at the end. */
export async function keepEvidence(world: ChaosWorld, { run }: Drive, directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  const parts = {
    run: await world.query('SELECT * FROM runs WHERE id = $1', [run.runId]),
    events: await world.query('SELECT * FROM run_events WHERE run_id = $1 ORDER BY xid, seq', [run.runId]),
    metrics: await world.query('SELECT * FROM run_metrics WHERE run_id = $1 ORDER BY xid, seq', [run.runId]),
    checkpoints: await world.query('SELECT * FROM checkpoints WHERE run_id = $1 ORDER BY id', [run.runId]),
    history: await world.temporal.workflow
      .getHandle(run.workflowId)
      .fetchHistory()
      .catch((error: unknown) => String(error)),
  };
  for (const [name, content] of Object.entries(parts))
    await writeFile(join(directory, `${name}.json`), JSON.stringify(content, null, 1));
  const { home } = world.service.env;
  for (const path of ['logs', join('runs', String(run.runId))])
    await cp(join(home, path), join(directory, path), { recursive: true }).catch(() => {});
}
