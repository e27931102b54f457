import { QueryTypes } from 'sequelize';
import { connection, Run } from './run.ts';

/** For how long, and how often, the same run could not go on. */
export interface Trouble {
  attempts: number;
  sinceMs: number;
}

/**
 * Notes why a run that is tried again does not go on. Users see the sentence in the run's row, and in one event, which is
 * counted up instead of repeated.
 * @returns null when the run has ended
 */
export async function noteTrouble(runId: number, sentence: string): Promise<Trouble | null> {
  const sequelize = connection();
  return await sequelize.transaction(async (transaction) => {
    const [noted] = await sequelize.query<{ attempts: number; since: Date; since_ms: number }>(
      `UPDATE runs SET waiting_for = $sentence, waiting_since = coalesce(waiting_since, now()), waiting_attempts = waiting_attempts + 1
       WHERE id = $runId AND status IN ('pending', 'queued', 'running')
       RETURNING waiting_attempts AS attempts, waiting_since AS since,
         (extract(epoch FROM now() - waiting_since) * 1000)::float8 AS since_ms`,
      { bind: { runId, sentence }, type: QueryTypes.SELECT, transaction },
    );
    if (!noted) return null;
    const data = { message: sentence, attempts: noted.attempts, since: new Date(noted.since).toISOString() };
    await sequelize.query(
      `INSERT INTO run_events (run_id, kind, data, origin) VALUES ($runId, 'waiting', $data::jsonb, 'waiting:' || md5($sentence))
       ON CONFLICT (run_id, origin) DO UPDATE SET data = EXCLUDED.data, seq = DEFAULT, xid = pg_current_xact_id(), created_at = now()`,
      { bind: { runId, sentence, data: JSON.stringify(data) }, type: QueryTypes.RAW, transaction },
    );
    return { attempts: noted.attempts, sinceMs: noted.since_ms };
  });
}

/** The run goes on. */
export async function forgetTrouble(runId: number): Promise<void> {
  await connection().query(
    'UPDATE runs SET waiting_for = NULL, waiting_since = NULL, waiting_attempts = 0 WHERE id = $runId AND waiting_attempts > 0',
    { bind: { runId }, type: QueryTypes.UPDATE },
  );
}

/**
 * Says what a run waits for that goes well; null: it waits no more. There is no event of it, and no attempt has failed. It keeps no
 * other run waiting (line.ts). Only of one that has not been in the queue yet.
 */
export async function noteWait(runId: number, sentence: string | null): Promise<void> {
  await Run.update({ waiting_for: sentence }, { where: { id: runId, status: 'pending' }, silent: true });
}
