import type { Context, Next } from 'koa';
import { ForeignKeyConstraintError } from 'sequelize';
import { DataProcessKilled } from '../datasets/data-process.ts';
import { DatasetError } from '../datasets/dataset-error.ts';
import { isDiskFull } from '../files.ts';
import type { Logger } from '../logger.ts';
import { RunAlreadyOpenError } from '../models/create-run.ts';
import { isDatabaseAway } from '../models/database-away.ts';
import { OutputDirectoryError } from '../outputs/output-directory.ts';
import { OrchestrationUnavailableError, PoolRefusedError } from '../workflows/client.ts';

/** An answer other than success: its status, and a sentence that names field, value and remedy. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, detail: string) {
    super(detail);
    this.status = status;
  }
}

export function badRequest(detail: string): ApiError {
  return new ApiError(400, detail);
}

export function notFound(what: string, id: number): ApiError {
  return new ApiError(404, `${what} ${id} not found.`);
}

const RETRY_AFTER_S = '5';

/** The one place where an error becomes an answer: every one is {"detail": sentence}, and says nothing of our inside. */
export function renderErrors(logger: Logger) {
  return async (ctx: Context, next: Next): Promise<void> => {
    try {
      await next();
      if (ctx.status === 404 && (ctx.body === undefined || ctx.body === null))
        throw new ApiError(404, `There is no ${ctx.path}. The API is described at /docs.`);
    } catch (error) {
      const { status, detail } = toAnswer(error);
      if (status === 500) logger.error({ err: error, method: ctx.method, path: ctx.path }, 'A request failed.');
      if (status === 503) ctx.set('Retry-After', RETRY_AFTER_S);
      ctx.status = status;
      ctx.body = { detail };
    }
  };
}

function toAnswer(error: unknown): { status: number; detail: string } {
  if (error instanceof ApiError) return { status: error.status, detail: error.message };
  if (error instanceof DatasetError || error instanceof OutputDirectoryError || error instanceof PoolRefusedError) {
    return { status: 400, detail: error.message };
  }
  if (isDiskFull(error))
    return { status: 507, detail: 'The disk of the service has no room for this. Free some, then send it again.' };
  if (error instanceof RunAlreadyOpenError)
    return { status: 409, detail: `${error.message} Cancel it, or wait for its end.` };
  if (error instanceof OrchestrationUnavailableError) {
    return { status: 503, detail: `${error.message} Nothing is lost; try again in a few seconds.` };
  }
  if (error instanceof DataProcessKilled) {
    return { status: 503, detail: `${error.message} Nothing of it stays; send the request again.` };
  }
  if (isDatabaseAway(error)) {
    return { status: 503, detail: 'The database does not answer. Nothing is lost; try again in a few seconds.' };
  }
  if (error instanceof ForeignKeyConstraintError) {
    return { status: 409, detail: 'Something else refers to this, or what this refers to is not there any more.' };
  }
  const status = statusOf(error);
  if (status !== null) return { status, detail: error instanceof Error ? error.message : String(error) };
  return { status: 500, detail: 'The service failed; its log says how.' };
}

/** 4xx errors of Koa and its parsers, whose messages speak of the request alone. */
function statusOf(error: unknown): number | null {
  if (typeof error !== 'object' || error === null || !('status' in error)) return null;
  const { status } = error;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : null;
}
