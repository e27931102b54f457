import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { loadEnv } from '../../../src/platform/env.ts';
import { ensureTrainerPython } from '../../../src/platform/python.ts';
import { median } from '../../support/figures.ts';
import { csvRows } from '../../support/rows.ts';
import { TINY_MODEL, until } from '../../support/service.ts';
import { judge, round } from '../bounds.ts';
import { type Build, type BuildService, describe, startBuild, thisBuild } from './build-service.ts';
import { BEFORE, makeOldBuild } from './old-build.ts';

const HEARTBEAT_TIMEOUT_MS = 5_000;
/** One has the run, one is free. */
const WORKERS = 2;
const ROWS = 4_000;
/** A run ends before it has been killed more often. */
const KILLS_OF_ONE_RUN = 5;

/** Seconds from SIGKILL of a worker to the first new step, as docs/reliability.md splits them. */
const PARTS = {
  seen: 'seen: the lease ran out and the heartbeats ended',
  pickedUp: 'picked up by another worker',
  loaded: 'model loaded',
  firstStep: 'first new step',
  all: 'all',
} as const;
type Split = Record<keyof typeof PARTS, number>;

/**
 * `npm run bench -- start kill [--pairs N] [--before COMMIT]`: how long it takes from SIGKILL of a worker to the first new step of its run, which a free
 * worker goes on with, by an old build and by this one, in turns.
 */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { pairs: { type: 'string', default: '10' }, before: { type: 'string', default: BEFORE } },
  });
  const env = loadEnv();
  const python = await ensureTrainerPython({ env, onProgress: (line) => console.log(line) });
  const old = await makeOldBuild(env, values.before);
  const found: Record<'before' | 'now', Split[]> = { before: [], now: [] };
  try {
    const now = await thisBuild(python);
    console.log(await describe(now, old));
    let left = Number(values.pairs);
    for (let turn = 0; left > 0; turn++) {
      const kills = Math.min(left, KILLS_OF_ONE_RUN);
      left -= kills;
      const sides = [['before', old] as const, ['now', now] as const];
      for (const [side, build] of turn % 2 === 0 ? sides : sides.reverse()) {
        const splits = await killAgainAndAgain(build, kills);
        found[side].push(...splits);
        console.log(
          `${side === 'now' ? 'This build' : 'The old build'}: ${splits.map(({ all }) => `${round(all)} s`).join(', ')}`,
        );
      }
    }
  } finally {
    await old.remove();
  }
  report(found);
}

async function killAgainAndAgain(build: Build, kills: number): Promise<Split[]> {
  const service = await startBuild(build, { heartbeatTimeoutMs: HEARTBEAT_TIMEOUT_MS });
  try {
    await service.call('POST', '/workers/', { action: 'start', worker_count: WORKERS });
    const { body: dataset } = await service.upload('rows.csv', csvRows(ROWS));
    const settings = { batch_size: 2, epochs: 50, save_steps: 20, lora_r: 4, max_length: 64 };
    const job = { name: 'killed', dataset_id: dataset.id, model_name: TINY_MODEL, ...settings };
    const { status, body } = await service.call('POST', '/jobs/', job);
    if (status !== 201) throw new Error(JSON.stringify(body));
    const splits: Split[] = [];
    for (let n = 0; n < kills; n++) splits.push(await killOnce(service));
    return splits;
  } finally {
    await service.stop();
  }
}

interface RunRow {
  id: number;
  workflow_id: string;
  lease_epoch: number;
  current_step: number;
  worker_id: string;
  lease_expires_at: Date;
  pid: number;
}

async function killOnce(service: BuildService): Promise<Split> {
  const runRow = async () =>
    (
      await service.database.query<RunRow>(
        `SELECT runs.*, workers.id AS worker_id, workers.pid FROM runs JOIN workers ON workers.current_run_id = runs.id
         WHERE runs.status = 'running' AND runs.phase = 'training' AND workers.status = 'busy'`,
      )
    ).rows[0];
  // The others are ready: a worker that takes the place of a killed one is idle once it is.
  const isReady = async () => {
    const { rows } = await service.database.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM workers WHERE status = 'idle' AND heartbeat_at > now() - interval '5 s'`,
    );
    return rows[0]?.n === WORKERS - 1;
  };
  const first = await until('the run to train', async () => (await runRow()) ?? null);
  const run = await until('some steps more', async () => {
    const now = await runRow();
    return now && now.current_step > first.current_step + 100 && (await isReady()) ? now : null;
  });
  const attempt = await attemptOf(service, run.workflow_id);
  const killedMs = Date.now();
  process.kill(run.pid, 'SIGKILL');
  let expiresMs = run.lease_expires_at.getTime();
  const seenMs = await until('the end of its heartbeats to be seen', async () => {
    const { rows } = await service.database.query<{ lease_epoch: number; lease_expires_at: Date | null }>(
      'SELECT lease_epoch, lease_expires_at FROM runs WHERE id = $1',
      [run.id],
    );
    const [now] = rows;
    if (now?.lease_epoch === run.lease_epoch && now.lease_expires_at) expiresMs = now.lease_expires_at.getTime();
    const isClaimed = (now?.lease_epoch ?? 0) > run.lease_epoch;
    const isSeen = isClaimed || ((await attemptOf(service, run.workflow_id)) ?? 0) > (attempt ?? 0);
    return isSeen ? Math.max(Date.now(), expiresMs) : null;
  });
  const event = async (where: string) => {
    const { rows } = await service.database.query<{ at: Date }>(
      `SELECT created_at AS at FROM run_events WHERE run_id = $1 AND created_at > $2 AND ${where} ORDER BY seq LIMIT 1`,
      [run.id, new Date(killedMs)],
    );
    return rows[0]?.at.getTime() ?? null;
  };
  const stepMs = await until('the first new step', async () => {
    const { rows } = await service.database.query<{ at: Date | null }>(
      'SELECT min(created_at) AS at FROM run_metrics WHERE run_id = $1 AND lease_epoch > $2',
      [run.id, run.lease_epoch],
    );
    return rows[0]?.at?.getTime() ?? null;
  });
  const claimedMs = await until('its claim', () => event(`kind = 'status' AND data->>'status' = 'running'`));
  const loadedMs = await until('its model', () => event(`kind = 'phase' AND data->>'phase' = 'training'`));
  const seconds = (from: number, to: number) => Math.max(0, to - from) / 1_000;
  const seen = Math.min(seenMs, claimedMs);
  return {
    seen: seconds(killedMs, seen),
    pickedUp: seconds(seen, claimedMs),
    loaded: seconds(claimedMs, loadedMs),
    firstStep: seconds(loadedMs, stepMs),
    all: seconds(killedMs, stepMs),
  };
}

/** The attempt that Temporal is at, of the activity that trains. */
async function attemptOf({ temporal }: BuildService, workflowId: string): Promise<number | null> {
  const { raw } = await temporal.workflow.getHandle(workflowId).describe();
  return raw.pendingActivities?.find(({ activityType }) => activityType?.name === 'trainModel')?.attempt ?? null;
}

function report({ before, now }: Record<'before' | 'now', Split[]>): void {
  const middle = (splits: Split[], part: keyof Split) => median(splits.map((split) => split[part])) ?? Number.NaN;
  const most = (splits: Split[], part: keyof Split) => Math.max(...splits.map((split) => split[part]));
  const head = [
    `SIGKILL of a worker, ${now.length} times`,
    'old build, median',
    'at most',
    'this build, median',
    'at most',
  ];
  const table = new Table({ head, style: { head: [], border: [] } });
  for (const [part, name] of Object.entries(PARTS) as [keyof Split, string][])
    table.push([
      name,
      ...[middle(before, part), most(before, part), middle(now, part), most(now, part)].map((s) => `${round(s)} s`),
    ]);
  console.log(
    `Heartbeat timeout ${HEARTBEAT_TIMEOUT_MS / 1_000} s, one worker with the run and one free.\n${table.toString()}`,
  );
  judge([
    {
      what: 'from SIGKILL to the first new step, of that of the old build',
      found: middle(now, 'all') / middle(before, 'all'),
      unit: 'x',
    },
    {
      what: 'of it, until the model is loaded',
      found: middle(now, 'loaded') / middle(before, 'loaded'),
      unit: 'x',
      atMost: 1 / 3,
    },
  ]);
}
