import { literal, Op } from 'sequelize';
import { poolProgress } from '../../models/pool/pool-progress.ts';
import { Worker } from '../../models/pool/worker.ts';
import { waitingRuns } from '../../models/runs/line.ts';
import { Run } from '../../models/runs/run.ts';
import { TrainingConfig } from '../../models/settings/training-config.ts';
import { date } from '../http/shared-schema.ts';
import { presentDeaths } from './present-deaths.ts';
import { presentDrain } from './present-drain.ts';
import { presentHosts } from './present-hosts.ts';

/** A worker that was to run and has not reported for so long is shown as `error`: its host may be away. */
const SILENT_MS = 30_000;
/** How long a worker that died, or that nobody wants back, is shown. */
const DEAD_SHOWN_MS = 10 * 60_000;

/** The pool as its host agents last saw it: workers that are to run, and those that died lately. */
export async function presentWorkerPool() {
  // By the clock of the database, which wrote these times.
  const isOfLate = literal(`greatest(lost_at, stopped_at) > now() - interval '${DEAD_SHOWN_MS} milliseconds'`);
  const isSilent = literal(`coalesce(heartbeat_at < now() - interval '${SILENT_MS} milliseconds', false)`);
  const [config, rows, hosts, deaths, jobs_in_queue, pending_action] = await Promise.all([
    TrainingConfig.current(),
    Worker.findAll({
      attributes: { include: [[isSilent, 'is_silent']] },
      where: {
        [Op.or]: [
          { desired: 'running' },
          { pid: { [Op.ne]: null }, lost_at: null },
          { status: 'error', [Op.and]: isOfLate },
        ],
      },
      order: [
        ['started_at', 'ASC'],
        ['id', 'ASC'],
      ],
    }),
    presentHosts(),
    presentDeaths(),
    waitingRuns(),
    poolProgress(),
  ]);
  const runs = await Run.findAll({
    where: { id: rows.flatMap(({ current_run_id }) => current_run_id ?? []) },
    attributes: ['id', 'job_id', 'project_id'],
  });
  const workers = rows.map((worker) => {
    const run = runs.find(({ id }) => id === worker.current_run_id);
    return {
      id: worker.id,
      status: shownStatus(worker),
      current_job_id: run?.job_id ?? null,
      jobs_completed: worker.runs_completed,
      started_at: date(worker.started_at),
      last_activity: date(worker.last_activity_at),
      current_project_id: run?.project_id ?? null,
      host: worker.host,
      device: worker.device,
      pid: worker.pid,
      reason: worker.reason,
      next_start_at: worker.start_after && date(worker.start_after),
      drain: presentDrain(worker, worker.pid === null),
    };
  });
  const count = (status: string) => workers.filter((worker) => worker.status === status).length;
  const [idle_workers, busy_workers] = [count('idle'), count('busy')];
  return {
    total_workers: workers.length,
    active_workers: idle_workers + busy_workers,
    idle_workers,
    busy_workers,
    max_workers: config.max_concurrent_workers,
    workers,
    hosts,
    deaths,
    jobs_in_queue,
    pending_action,
  };
}

/**
 * The reference's four statuses. A worker that is starting takes no run yet: it is not idle, and shows `stopped`; one that
 * waits for its next try, since others ended soon after their start, shows `error`.
 */
function shownStatus(worker: Worker): 'idle' | 'busy' | 'stopped' | 'error' {
  if (worker.status === 'starting') return worker.start_after === null ? 'stopped' : 'error';
  if ((worker.status === 'idle' || worker.status === 'busy') && worker.get('is_silent') === true) return 'error';
  return worker.status;
}
