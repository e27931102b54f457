import type { Context } from 'koa';
import { HttpMethodEnum, koaBody } from 'koa-body';
import type { z } from 'zod';
import { ApiError } from './errors.ts';
import { inWords } from './in-words.ts';

const JSON_LIMIT = '1mb';
const BODY_SILENCE_MS = 60_000;
const LINGER_MS = 30_000;

const parseJson = koaBody({
  json: true,
  text: false,
  urlencoded: false,
  multipart: false,
  jsonLimit: JSON_LIMIT,
  jsonStrict: false,
  includeUnparsed: true,
  parsedMethods: [HttpMethodEnum.POST, HttpMethodEnum.PATCH],
});

/** The JSON body, and its text as it was sent, without its Content-Encoding; {} for one that may be left out, and is. */
export async function readJson(ctx: Context, optional: boolean): Promise<{ value: unknown; text: string }> {
  if (optional && !hasBody(ctx)) return { value: {}, text: '' };
  if (!ctx.is('application/json')) {
    throw new ApiError(
      415,
      `Content-Type is ${JSON.stringify(ctx.get('Content-Type'))}; send a JSON body as application/json.`,
    );
  }
  try {
    await whileReceiving(
      ctx,
      parseJson(ctx, async () => {}),
    );
    return { value: ctx.request.body, text: String(ctx.request.rawBody) };
  } catch (error) {
    if (error instanceof ApiError) throw error;
    const status = error instanceof Error && 'status' in error ? error.status : null;
    if (status === 413) throw new ApiError(413, `The body is larger than ${JSON_LIMIT}. Send less.`);
    if (status === 415)
      throw new ApiError(
        415,
        `Content-Encoding is ${JSON.stringify(ctx.get('Content-Encoding'))}; send none, or gzip.`,
      );
    throw new ApiError(422, `The body is not valid JSON: ${error instanceof Error ? error.message : String(error)}.`);
  }
}

/** Gives up a body of which no byte comes for a while: its sender is gone, or only wants to hold the connection. */
export async function whileReceiving<T>(ctx: Context, receiving: Promise<T>): Promise<T> {
  const silence = new Promise<never>((_resolve, reject) => {
    ctx.req.setTimeout(BODY_SILENCE_MS, () =>
      reject(new ApiError(408, `No byte of the body came for ${BODY_SILENCE_MS / 1000} s. Send the request again.`)),
    );
  });
  // Who reads the body hears of that only if it happens while it listens, and the connection may be gone before it begins.
  const gone = new Promise<never>((_resolve, reject) => {
    const leave = () => {
      if (!ctx.req.complete)
        reject(new ApiError(400, 'The connection ended before all of the body had come. Send the request again.'));
    };
    if (ctx.req.destroyed) leave();
    else ctx.req.once('close', leave);
  });
  try {
    return await Promise.race([receiving, silence, gone]);
  } finally {
    ctx.req.setTimeout(0);
    if (!ctx.req.complete) discardRest(ctx);
  }
}

/** Says when nobody waits for an answer any more: its client has left, or has all of it. */
export function leavingOf({ res }: Context): AbortSignal {
  const gone = new AbortController();
  if (res.closed) gone.abort();
  else res.once('close', () => gone.abort());
  return gone.signal;
}

/**
 * Many clients read the answer only after they have sent their whole body, and see a broken connection in its place if
 * that is closed before. So what is still to come of a refused body is received for a while, and thrown away.
 */
function discardRest({ req }: Context): void {
  const linger = setTimeout(() => req.destroy(), LINGER_MS);
  req.once('close', () => clearTimeout(linger)).resume();
}

function hasBody(ctx: Context): boolean {
  return ctx.get('Transfer-Encoding') !== '' || Number(ctx.get('Content-Length') || 0) > 0;
}

/** Whatever is wrong with them, they are not said again. */
const SECRET_FIELDS = ['api_key', 'access_token'];

export type Parsed<S> = S extends z.ZodType ? z.output<S> : undefined;

/** @throws ApiError 422 that names field, value and what it may be. */
export function check<S extends z.ZodType | undefined>(schema: S, value: unknown, where: string): Parsed<S> {
  if (!schema) return undefined as Parsed<S>;
  const parsed = schema.safeParse(value, { error: inWords });
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
      : `${field} is ${SECRET_FIELDS.includes(field) ? 'not shown here' : shown(given)}: ${issue.message}.`;
  });
  const [first] = parsed.error.issues;
  throw new ApiError(422, sentences.join(' '), { field: first ? fieldOf(first) : null });
}

/** `method.type`, of what is wrong first. */
function fieldOf(issue: z.core.$ZodIssue): string | null {
  const path = issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0]] : issue.path;
  return path.length > 0 ? path.join('.') : null;
}

function shown(value: unknown): string {
  let text: string;
  try {
    text = JSON.stringify(value) ?? String(value);
  } catch {
    // JSON.parse takes any depth; JSON.stringify ends at the end of the stack.
    return 'nested too deeply to show';
  }
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
