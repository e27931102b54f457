import type { Attributes } from 'sequelize';
import { Job } from '../../models/jobs/job.ts';
import { keysOf, prepare, rowFromJson, rowsOf } from '../../models/prepared.ts';
import { SHOWN_OF_RUN, type ShownRun, type WithLatestRun, withPlaces } from '../../models/runs/latest-run.ts';
import { Run } from '../../models/runs/run.ts';
import { batched } from '../../platform/batched.ts';
import { notFound } from '../../platform/failure.ts';

interface Found {
  job: Attributes<Job>;
  run: ShownRun | null;
}

const SELECT = prepare(`
  SELECT to_json(jobs) AS job, to_json(run) AS run
  FROM jobs LEFT JOIN (SELECT ${SHOWN_OF_RUN.join(', ')} FROM runs) AS run ON run.id = jobs.latest_run_id
  WHERE jobs.id = ANY($1::int[])`);

const find = batched(async (ids: number[]) => {
  const rows = await rowsOf<Found>(SELECT, [keysOf(ids)], null);
  const found = new Map(rows.map(({ job, run }) => [job.id, asModels({ job, run })]));
  return ids.map((id) => found.get(id));
});

/** A job to be shown: what clients ask for again and again. @throws NotFoundError */
export async function readJob(id: number): Promise<WithLatestRun<Attributes<Job>>> {
  const found = await find(id);
  if (!found) throw notFound('Job', id);
  const { job, run } = found;
  if (!run) return job;
  const [latestRun] = await withPlaces([run]);
  return latestRun ? { ...job, latestRun } : job;
}

function asModels({ job, run }: Found): Found {
  return { job: rowFromJson(Job, job), run: run && rowFromJson(Run, run) };
}
