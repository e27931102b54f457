import { QueryTypes, type Transaction, UniqueConstraintError } from 'sequelize';
import { askedBy, askedByKey } from '../../platform/asked-by.ts';
import { traceParent } from '../../platform/tracing.ts';
import { withinLimits } from '../keys/limits.ts';
import { isBarred } from './bars.ts';
import { nextTurn } from './order.ts';
import { AS_ITS_TURN_COMES, type QueueChoices } from './queue-choices.ts';
import { connection, Run } from './run.ts';
import type { RunSpec } from './run-spec.ts';

/** Its job or project has a run that has not ended. */
export class RunAlreadyOpenError extends Error {}

/**
 * The rows of new runs, as parts of a statement: themselves (`run`), each with the next number of its owner, their first
 * events, and what is to be delivered to trackers. Beside them, who writes them makes each `run` its owner's latest.
 * @param asked a relation `asked` with `owner_id`, `resumes_run_id`, `spec`, `queue`, which is QueueChoices, `asked_by`, `trace_parent` and `key_id`
 */
export function runParts(kind: 'job' | 'project', asked: string): string {
  return `
  next AS MATERIALIZED (
    SELECT nextval(pg_get_serial_sequence('runs', 'id'))::int AS id, asked.*, (asked.queue->>'priority')::smallint AS priority,
      (SELECT coalesce(max(number), 0) + 1 FROM runs WHERE ${kind}_id = owner_id) AS number,
      (asked.queue->>'not_before')::timestamptz AS not_before, (asked.queue->>'after_job_id')::int AS after_job_id,
      (asked.queue->>'after_project_id')::int AS after_project_id
    FROM ${asked}
  ), run AS (
    INSERT INTO runs (id, ${kind}_id, number, resumes_run_id, starts_from_run_id, spec, status, phase, workflow_id, trace_parent, key_id, created_at, updated_at,
      priority, turn, not_before, after_job_id, after_project_id, barred)
    OVERRIDING SYSTEM VALUE
    SELECT id, owner_id, number, resumes_run_id, (SELECT id FROM runs WHERE id = (next.spec->'start'->>'run_id')::int), spec, 'pending', 'waiting',
      '${kind}-' || owner_id || '-run-' || number, trace_parent, key_id, now(), now(),
      priority, ${nextTurn('next.priority')}, not_before, after_job_id, after_project_id, ${isBarred('next')}
    FROM next
    RETURNING *
  ), event AS (
    INSERT INTO run_events (run_id, kind, data)
    SELECT run.id, 'status', jsonb_strip_nulls(jsonb_build_object('status', status, 'phase', phase, 'by', asked_by))
    FROM run JOIN next ON next.id = run.id
  ), delivery AS (
    INSERT INTO tracker_deliveries (run_id, tracker)
    SELECT id, jsonb_array_elements_text(coalesce(spec->'trackers', '[]')) FROM run
  )`;
}

const ASKED =
  '(SELECT $ownerId::int AS owner_id, $resumesRunId::int AS resumes_run_id, $spec::jsonb AS spec, $queue::jsonb AS queue, $askedBy::text AS asked_by, $traceParent::text AS trace_parent, $keyId::int AS key_id) AS asked';

/** In one round trip: a person waits for it. */
const INSERT = (kind: 'job' | 'project') => `
  WITH ${runParts(kind, ASKED)}, latest AS (
    UPDATE ${kind}s SET latest_run_id = run.id FROM run WHERE ${kind}s.id = $ownerId::int
  )
  SELECT * FROM run`;

/**
 * Adds a run, status pending, to a job or project and makes it its latest. The dispatcher starts its workflow once the
 * transaction is committed; nothing here talks to Temporal.
 * @param resumes the run of the same owner whose mixture and checkpoints it goes on from
 * @param queue when it is to begin
 * @param keyId the key that it counts for
 * @throws LimitReachedError of the key that asks; RunAlreadyOpenError when an earlier run has not ended (the database's unique index decides, also in a race).
 */
export async function createRun(
  owner: { kind: 'job' | 'project'; id: number },
  spec: RunSpec,
  transaction: Transaction,
  resumes: Run | null = null,
  queue: QueueChoices = AS_ITS_TURN_COMES,
  keyId: number | null = askedByKey(),
): Promise<Run> {
  try {
    const bind = {
      ownerId: owner.id,
      resumesRunId: resumes?.id ?? null,
      spec: JSON.stringify(spec),
      askedBy: askedBy(),
      traceParent: traceParent(),
      queue: JSON.stringify(queue),
      keyId,
    };
    const [run] = await withinLimits(transaction, () =>
      connection().query(INSERT(owner.kind), {
        bind,
        type: QueryTypes.SELECT,
        model: Run,
        mapToModel: true,
        transaction,
      }),
    );
    if (!run) throw new Error(`The ${owner.kind} ${owner.id} got no run.`);
    return run;
  } catch (error) {
    if (error instanceof UniqueConstraintError) {
      throw new RunAlreadyOpenError(`The ${owner.kind} ${owner.id} has a run that has not ended.`);
    }
    throw error;
  }
}
