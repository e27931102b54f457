import type { OpenAPIRegistry, RouteConfig } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';
import type { Fields } from './declaration.ts';
import type { Access } from './guard.ts';
import { IdempotencyHeaders, RangeHeaders, StillAtWorkSchema } from './shared-schema.ts';
import type { Wire } from './wire.ts';

/** Of what needs PostgreSQL for nothing but the key. */
export const KEYS_AWAY = 'PostgreSQL is away, so keys beside those of MTM_API_KEYS cannot be looked at; try again';

/** Nothing of how it answers. */
type AnyDeclaration = Access &
  Omit<Fields<z.ZodObject | undefined, z.ZodObject | undefined, z.ZodType | undefined>, 'handle'>;

export const SECURITY_SCHEME = 'apiKey';

/** What each error code says, unless an endpoint says more, with an example of its sentence. */
const ERRORS: Record<number, { description: string; example: string }> = {
  400: {
    description: 'A rule is broken',
    example: 'The percentages of the trait coding sum to 99 %; they must sum to exactly 100 %.',
  },
  401: { description: 'An API key is needed', example: 'Send an API key: Authorization: Bearer <key>.' },
  403: {
    description: 'The key has not the role that this needs; or Host or Origin is not allowed',
    example: 'This needs the role trainer, and the key "dashboard" has the role viewer.',
  },
  404: { description: 'No such thing', example: 'Dataset 7 not found.' },
  408: {
    description: 'The body stopped coming',
    example: 'No byte of the body came for 60 s. Send the request again.',
  },
  409: {
    description: 'In conflict with what exists already',
    example: 'The project 1 has a run that has not ended. Cancel it, or wait for its end.',
  },
  413: { description: 'Too large', example: 'The body is larger than 1mb. Send less.' },
  415: {
    description: 'Of a type that is not taken',
    example: 'Content-Type is "text/plain"; send a JSON body as application/json.',
  },
  416: {
    description: 'The range begins beyond its end',
    example: 'Range is "bytes=100-", and there are 90 bytes. Ask for some of them.',
  },
  422: { description: 'Malformed or out of range', example: 'batch_size is 65: must be at most 64.' },
  507: {
    description: 'The disk is full',
    example: 'The disk of the service has no room for this upload. Free some, then send it again.',
  },
  429: {
    description: 'Too many wrong API keys came from this address, or the key has as many runs as it may have',
    example: 'Too many wrong API keys came from 127.0.0.1. Wait 42 s, then send a right one.',
  },
  503: {
    description: 'PostgreSQL or Temporal is away; try again',
    example: 'The database does not answer. Try again in a few seconds.',
  },
};

const RETRY_AFTER = z.string().openapi({ example: '5' });

/** Adds an endpoint to the OpenAPI document: from the same declaration that its route is made of. */
export function documentEndpoint(registry: OpenAPIRegistry, endpoint: AnyDeclaration, wire: Wire): void {
  const { success } = endpoint;
  const checked = endpoint.params || endpoint.query || endpoint.body || endpoint.multipart || endpoint.creates;
  const codes = [
    ...(endpoint.open ? [] : [401, 429]),
    403,
    ...(checked ? [422] : []),
    ...(endpoint.body || endpoint.multipart ? [408, 413, 415] : []),
    ...(endpoint.creates ? [409] : []),
    ...(endpoint.inRanges ? [416] : []),
    // Keys are in PostgreSQL as well: what is asked for one answers alone for a while.
    ...(endpoint.alone && endpoint.open ? [] : [503]),
    ...Object.keys(endpoint.errors ?? {}).map(Number),
  ];
  const answer = success.schema
    ? {
        description: success.description,
        content: {
          [success.contentType ?? 'application/json']: { schema: success.schema },
          ...(success.streamed ? { 'text/event-stream': { schema: success.streamed } } : {}),
        },
        ...(success.location === undefined ? {} : { headers: locationHeader(wire.basePath + success.location) }),
      }
    : { description: success.description };
  registry.registerPath({
    method: endpoint.method,
    path: `${wire.basePath}${endpoint.path}`,
    summary: endpoint.summary,
    tags: [endpoint.tag],
    operationId: operationId(endpoint.method, endpoint.path),
    description: endpoint.open
      ? 'Open: needs no API key.'
      : `Needs a key with the role \`${endpoint.role}\`, or one with more.`,
    ...(endpoint.open ? { security: [] } : { 'x-required-role': endpoint.role }),
    request: requestOf(endpoint),
    responses: {
      [success.status]: answer,
      ...(success.already === undefined ? {} : { 200: { ...answer, description: success.already } }),
      ...(endpoint.mayTakeLong
        ? {
            202: {
              description: 'It takes longer than 8 s and goes on: the same request again gives it when it is done',
              content: { 'application/json': { schema: StillAtWorkSchema } },
              headers: z.object({ 'Retry-After': z.string().openapi({ example: '2' }) }),
            },
          }
        : {}),
      ...(endpoint.inRanges
        ? { 206: { ...answer, description: 'The range' }, 304: { description: 'It is what the client has' } }
        : {}),
      ...Object.fromEntries(
        codes.map((code) => [
          wire.statusOf(code),
          errorOf(code, endpoint.errors?.[code] ?? (endpoint.alone && code === 503 ? KEYS_AWAY : undefined), wire),
        ]),
      ),
    },
  });
}

function requestOf(endpoint: AnyDeclaration): NonNullable<RouteConfig['request']> {
  const headers = [
    endpoint.headers,
    endpoint.creates ? IdempotencyHeaders : undefined,
    endpoint.inRanges ? RangeHeaders : undefined,
  ].filter((h) => h !== undefined);
  const content = endpoint.multipart
    ? { 'multipart/form-data': { schema: endpoint.multipart } }
    : endpoint.body
      ? { 'application/json': { schema: endpoint.body } }
      : null;
  return {
    ...(endpoint.params ? { params: endpoint.params } : {}),
    ...(endpoint.query ? { query: endpoint.query } : {}),
    ...(headers.length > 0 ? { headers } : {}),
    ...(content ? { body: { required: endpoint.bodyOptional !== true, content } } : {}),
  };
}

function locationHeader(location: string) {
  return z.object({ Location: z.string().openapi({ example: location.replace('{id}', '1') }) });
}

function errorOf(code: number, said: string | undefined, { errorSchema, errorBody, statusOf }: Wire) {
  const { description, example } = ERRORS[code] ?? { description: 'Error', example: 'Why, and what to do.' };
  return {
    description: said ?? description,
    content: {
      'application/json': {
        schema: errorSchema,
        example: errorBody({ status: statusOf(code), detail: example, field: null, code: null }),
      },
    },
    ...([429, 503].includes(code)
      ? // A key that has as many runs as it may have waits for no number of seconds.
        { headers: z.object({ 'Retry-After': code === 429 ? RETRY_AFTER.optional() : RETRY_AFTER }) }
      : {}),
  };
}

/** `get /jobs/{id}/status` is getJobsIdStatus. */
function operationId(method: string, path: string): string {
  const words = path.split(/[^A-Za-z0-9]+/).filter(Boolean);
  return method + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}
