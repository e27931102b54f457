import { QueryTypes } from 'sequelize';
import { connection } from '../../models/runs/run.ts';

/** What the line holds just now. */
interface Line {
  workers: number;
  /** Seconds that each run under way has left; null where it has not told yet. */
  left: (number | null)[];
  waiting: number;
  /** Seconds that a completed run took, in the middle of the latest ones; null before there was one. */
  typical: number | null;
}

const MOST_LOOKED_AT = 100;
const LINE = `
  SELECT (SELECT count(*)::int FROM workers WHERE desired = 'running' AND lost_at IS NULL) AS workers,
    (SELECT coalesce(json_agg(seconds_left), '[]') FROM runs WHERE status = 'running') AS left,
    (SELECT count(*)::int FROM runs WHERE status IN ('pending', 'queued') AND result IS NULL AND pause_reason IS NULL) AS waiting,
    (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - started_at))::float8
     FROM (SELECT started_at, finished_at FROM runs WHERE status = 'completed' ORDER BY id DESC LIMIT ${MOST_LOOKED_AT}) AS latest) AS typical`;

/** Seconds until a run that is asked for now gets a worker; null where there are no workers, or nothing is known of those before it. */
export async function queueSeconds(): Promise<number | null> {
  const [line] = await connection().query<Line>(LINE, { type: QueryTypes.SELECT });
  return line ? untilFree(line) : null;
}

/** Each worker takes the next in line once it is free. */
export function untilFree({ workers, left, waiting, typical }: Line): number | null {
  if (workers === 0) return null;
  const known = left.flatMap((seconds) => seconds ?? typical ?? []);
  if (known.length < left.length || (waiting > 0 && typical === null)) return null;
  const busy = known.slice(0, workers);
  const free = [...busy, ...new Array<number>(workers - busy.length).fill(0)];
  for (let run = 0; run < waiting; run++) {
    const next = free.indexOf(Math.min(...free));
    free[next] = (free[next] ?? 0) + (typical ?? 0);
  }
  return Math.min(...free);
}
