import { QueryTypes, type Transaction } from 'sequelize';
import type { Figures } from '../../estimates/correction.ts';
import { connection } from '../runs/run.ts';

/** What a run did when, by its events: seconds of its parts, null where a claim was interrupted and the clock tells something else. */
export async function secondsOf(runId: number, transaction: Transaction): Promise<Figures['seconds']> {
  const [found] = await connection().query<Figures['seconds'] & { claims: number }>(
    `WITH event AS (SELECT kind, data, created_at AS at FROM run_events WHERE run_id = $runId),
       moment AS (SELECT
         (SELECT admitted_at FROM runs WHERE id = $runId) AS admitted,
         (SELECT min(at) FROM event WHERE kind = 'status' AND data->>'status' = 'queued') AS prepared,
         (SELECT min(at) FROM event WHERE kind = 'status' AND data->>'status' = 'running') AS claimed,
         (SELECT max(at) FROM event WHERE kind = 'phase' AND data->>'phase' = 'training') AS training,
         (SELECT max(at) FROM event WHERE kind = 'phase' AND data->>'phase' = 'exporting') AS exporting,
         (SELECT max(at) FROM event WHERE kind = 'status' AND data->>'reason' = 'trained') AS trained,
         (SELECT min(at) FROM event WHERE kind = 'status' AND data->>'status' = 'running' AND data->>'phase' = 'validating') AS validating,
         (SELECT max(at) FROM event WHERE kind = 'status' AND data->>'reason' = 'validated') AS validated)
     SELECT (SELECT count(*)::int FROM event WHERE kind = 'phase' AND data->>'phase' = 'training') AS claims,
       extract(epoch FROM prepared - admitted)::float8 AS prepare, extract(epoch FROM training - claimed)::float8 AS load,
       extract(epoch FROM exporting - training)::float8 AS train, extract(epoch FROM trained - exporting)::float8 AS save,
       extract(epoch FROM validated - validating)::float8 AS validate
     FROM moment`,
    { bind: { runId }, type: QueryTypes.SELECT, transaction },
  );
  const { claims, ...seconds } = found ?? { ...NOTHING, claims: 0 };
  return claims === 1 ? seconds : { ...NOTHING, prepare: seconds.prepare };
}

const NOTHING = { prepare: null, load: null, train: null, save: null, validate: null };

/** The most memory that its training took of the device. */
export async function peakOf(runId: number, transaction: Transaction): Promise<number | null> {
  const [found] = await connection().query<{ bytes: number | null }>(
    'SELECT max(memory_bytes) AS bytes FROM run_metrics WHERE run_id = $runId',
    { bind: { runId }, type: QueryTypes.SELECT, transaction },
  );
  return found?.bytes ?? null;
}
