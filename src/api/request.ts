import type { Context } from 'koa';
import { HttpMethodEnum, koaBody } from 'koa-body';
import type { z } from 'zod';
import { ApiError } from './errors.ts';

const JSON_LIMIT = '1mb';

const parseJson = koaBody({
  json: true,
  text: false,
  urlencoded: false,
  multipart: false,
  jsonLimit: JSON_LIMIT,
  jsonStrict: false,
  parsedMethods: [HttpMethodEnum.POST, HttpMethodEnum.PATCH],
});

/** Puts the JSON body into ctx.request.body; one that may be left out stays undefined. */
export async function readJson(ctx: Context, optional: boolean): Promise<void> {
  if (optional && !hasBody(ctx)) return;
  if (!ctx.is('application/json')) {
    throw new ApiError(
      415,
      `Content-Type is ${JSON.stringify(ctx.get('Content-Type'))}; send a JSON body as application/json.`,
    );
  }
  try {
    await parseJson(ctx, async () => {});
  } catch (error) {
    const status = error instanceof Error && 'status' in error ? error.status : null;
    if (status === 413) throw new ApiError(413, `The body is larger than ${JSON_LIMIT}. Send less.`);
    if (status === 415)
      throw new ApiError(
        415,
        `Content-Encoding is ${JSON.stringify(ctx.get('Content-Encoding'))}; send none, or gzip.`,
      );
    throw new ApiError(422, `The body is no valid JSON: ${error instanceof Error ? error.message : String(error)}.`);
  }
}

function hasBody(ctx: Context): boolean {
  return ctx.get('Transfer-Encoding') !== '' || Number(ctx.get('Content-Length') || 0) > 0;
}

export type Parsed<S> = S extends z.ZodType ? z.output<S> : undefined;

/** @throws ApiError 422 that names field, value and what it may be. */
export function check<S extends z.ZodType | undefined>(schema: S, value: unknown, where: string): Parsed<S> {
  if (!schema) return undefined as Parsed<S>;
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data as Parsed<S>;
  const sentences = parsed.error.issues.slice(0, 5).map((issue) => {
    if (issue.code === 'unrecognized_keys')
      return `Unknown ${where} field ${issue.keys.map((key) => JSON.stringify(key)).join(', ')}; remove it or correct its name.`;
    const field = issue.path.join('.') || where;
    const given = issue.path.reduce<unknown>(
      (object, key) => (object as Record<PropertyKey, unknown> | undefined)?.[key],
      value,
    );
    return given === undefined
      ? `${field} is required (${issue.message}).`
      : `${field} is ${shown(given)}: ${issue.message}.`;
  });
  throw new ApiError(422, sentences.join(' '));
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
