import type { Context, Next } from 'koa';
import { ForeignKeyConstraintError } from 'sequelize';
import { OrchestrationUnavailableError } from '../../commands/workflows/client.ts';
import { DataProcessesBusy, DataProcessKilled } from '../../datasets/data-process.ts';
import { RunAlreadyOpenError } from '../../models/runs/create-run.ts';
import { ConflictError, LimitReachedError, NotFoundError, NotYetError, UserError } from '../../platform/failure.ts';
import { failureOf } from '../../platform/failure-of.ts';
import { errnoOf } from '../../platform/files.ts';
import { withoutSecrets } from '../../platform/key-text.ts';
import type { Logger } from '../../platform/logger.ts';
import { isDatabaseAway } from '../../platform/postgres/database-away.ts';
import { sqlStateOf } from '../../platform/postgres/sql-state.ts';
import { requestIdOf } from './request-id.ts';
import { OWN_WIRE, type Wire } from './wire.ts';

/** An answer other than success: its status, and a sentence that names field, value and remedy. */
export class ApiError extends Error {
  readonly status: number;
  /** Of the request, and a name for programs: where a wire shows them (wire.ts). */
  readonly field: string | null;
  readonly code: string | null;

  constructor(
    status: number,
    detail: string,
    { field = null, code = null }: { field?: string | null; code?: string | null } = {},
  ) {
    super(detail);
    this.status = status;
    this.field = field;
    this.code = code;
  }
}

export function badRequest(detail: string): ApiError {
  return new ApiError(400, detail);
}

/** Nobody knows whether a change that was to be committed is. */
const DATABASE_AWAY =
  'The database does not answer. Try again in a few seconds. What was to be changed may be changed all the same: look first, or send it with the same Idempotency-Key.';

const RETRY_AFTER_S = '5';

/**
 * The one place where an error becomes an answer: a sentence in the form of its wire, {"detail": sentence} unless the path is
 * of another one. It says nothing of our inside.
 */
export function renderErrors(logger: Logger, others: Wire[] = []) {
  return async (ctx: Context, next: Next): Promise<void> => {
    // What an answer is called: clients show it, and the log has it.
    const requestId = requestIdOf(ctx);
    ctx.state.requestId = requestId;
    ctx.set('X-Request-Id', requestId);
    const wire = others.find(({ basePath }) => ctx.path.startsWith(`${basePath}/`)) ?? OWN_WIRE;
    try {
      await next();
      if (ctx.status === 404 && (ctx.body === undefined || ctx.body === null)) {
        const { detail, code } = wire.notOffered?.(ctx.path) ?? {
          detail: `There is no ${ctx.path}. The API is described at /docs.`,
          code: null,
        };
        throw new ApiError(404, detail, { code });
      }
    } catch (error) {
      const said = toAnswer(error);
      // A key that came where none belongs is not said again.
      const answer = { ...said, detail: withoutSecrets(said.detail) };
      const { status } = answer;
      if (isDataException(error))
        logger.warn(
          { err: error, requestId, method: ctx.method, path: ctx.path },
          'The database refused a value of a request.',
        );
      if (status === 500 || errnoOf(error) !== null)
        logger.error({ err: error, requestId, method: ctx.method, path: ctx.path }, 'A request failed.');
      if (status === 503) ctx.set('Retry-After', RETRY_AFTER_S);
      // OpenAI's clients would send a 429 again at once, which cannot help.
      if (error instanceof LimitReachedError) ctx.set('x-should-retry', 'false');
      if (status === 401) ctx.set('WWW-Authenticate', 'Bearer');
      const { field = null, code = null } = error instanceof ApiError || error instanceof UserError ? error : {};
      ctx.status = wire.statusOf(status);
      ctx.body = wire.errorBody({ ...answer, status: ctx.status, field, code });
    }
  };
}

/** The status that an error is answered with, before its wire has its say. */
export function statusOfError(error: unknown): number {
  return toAnswer(error).status;
}

/** How a connection breaks off whose client went away: nothing that anybody has to look at. */
const BROKEN_OFF = ['EPIPE', 'ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE'];

/** For Koa's event `error`: what goes wrong once an answer has begun, and so cannot become another answer any more. */
export function logBrokenAnswers(logger: Logger) {
  // Koa says it of a stream and of its way to the client: that is one error.
  const said = new WeakSet<Error>();
  return (error: Error, ctx?: Context): void => {
    if (said.has(error)) return;
    said.add(error);
    const fields = { err: error, method: ctx?.method, path: ctx?.path };
    const isBrokenOff = 'code' in error && BROKEN_OFF.includes(String(error.code));
    if (isBrokenOff) logger.debug(fields, 'A client went away before the end of its answer.');
    else logger.error(fields, 'An answer broke off.');
  };
}

/** PostgreSQL's class 22: a value that our checks let pass does not fit. */
function isDataException(error: unknown): boolean {
  return sqlStateOf(error).startsWith('22');
}

function toAnswer(error: unknown): { status: number; detail: string } {
  if (error instanceof ApiError) return { status: error.status, detail: error.message };
  if (error instanceof NotFoundError) return { status: 404, detail: error.message };
  if (error instanceof LimitReachedError) return { status: 429, detail: error.message };
  if (error instanceof ConflictError) return { status: 409, detail: error.message };
  if (error instanceof NotYetError) return { status: 503, detail: error.message };
  if (error instanceof RunAlreadyOpenError)
    return { status: 409, detail: `${error.message} Cancel it, or wait for its end.` };
  if (error instanceof OrchestrationUnavailableError) {
    return { status: 503, detail: `${error.message} Try again in a few seconds.` };
  }
  if (error instanceof DataProcessKilled) {
    return { status: 503, detail: `${error.message} Nothing of it stays; send the request again.` };
  }
  if (error instanceof DataProcessesBusy) {
    return { status: 503, detail: `${error.message} Try again in a few seconds.` };
  }
  if (isDatabaseAway(error)) return { status: 503, detail: DATABASE_AWAY };
  if (error instanceof ForeignKeyConstraintError) {
    return { status: 409, detail: 'Another record still uses this one, or one that it needs was deleted.' };
  }
  if (isDataException(error))
    return {
      status: 422,
      detail:
        'A value of this request does not fit: a number or a date is out of range, or a text has a character that cannot be stored. Correct it and send it again.',
    };
  const status = statusOf(error);
  if (status !== null) return { status, detail: error instanceof Error ? error.message : String(error) };
  return ofKind(error);
}

/** What is nothing of the API's own, by the one taxonomy. What the system says of a file names paths: its log has it. */
function ofKind(error: unknown): { status: number; detail: string } {
  const { kind, sentence } = failureOf(error);
  if (kind === 'user') return { status: 400, detail: sentence };
  if (kind === 'disk_full')
    return { status: 507, detail: 'The disk of the service has no room for this. Free some, then send it again.' };
  if (kind === 'bug' || errnoOf(error) === 'ENOENT')
    return { status: 500, detail: 'The service failed; its log says how.' };
  const why =
    errnoOf(error) === null ? sentence : 'The machine of the service does not let it do this; its log says why.';
  return { status: 503, detail: `${why} Try again in a few seconds.` };
}

/** 4xx errors of Koa and its parsers, whose messages speak of the request alone. */
function statusOf(error: unknown): number | null {
  if (typeof error !== 'object' || error === null || !('status' in error)) return null;
  const { status } = error;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : null;
}
