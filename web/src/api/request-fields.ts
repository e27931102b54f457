import { queryOptions } from '@tanstack/react-query';
import { bodyOf } from './client.ts';

/** A field of a request, as the service's own OpenAPI document has it. */
export interface RequestField {
  name: string;
  /** What it does, in a sentence. */
  description: string;
  kind: 'integer' | 'number' | 'choice' | 'switch' | 'names' | 'pairs' | 'text';
  /** Of a number; null: no bound. `isAbove`, `isBelow`: the bound itself is not allowed. */
  least: number | null;
  most: number | null;
  isAbove: boolean;
  isBelow: boolean;
  /** Of a number: words that it may be instead. */
  choices: string[];
  /** What is taken without it; null where that depends on more. */
  standard: string | null;
}

export type RequestFields = Record<string, RequestField>;

interface Schema {
  type?: string | string[];
  description?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  enum?: unknown[];
  items?: Schema;
  properties?: Record<string, Schema>;
  additionalProperties?: unknown;
  anyOf?: Schema[];
  /** Of what has several forms: the first has the fields that are asked for. */
  oneOf?: Schema[];
  default?: unknown;
  'x-default'?: unknown;
}

export interface ApiDocument {
  components: { schemas: Record<string, Schema> };
}

/** The OpenAPI document of the service: it changes with its version alone. */
export const documentQuery = queryOptions({
  queryKey: ['openapi'],
  queryFn: () => bodyOf<ApiDocument>(fetch('/api/v1/openapi.json').then(readDocument)),
  staleTime: Number.POSITIVE_INFINITY,
});

async function readDocument(response: Response) {
  const body: unknown = await response.json();
  // It is the service's own; what is read of it below may be missing all the same.
  return response.ok ? { response, data: body as ApiDocument } : { response, error: body };
}

/** The fields of a component, or of what lies in it: a list of names leads there, through lists to what they are of. */
export function fieldsOf({ components }: ApiDocument, component: string, ...path: string[]): RequestFields {
  const start = components.schemas[component];
  const schema = path.reduce<Schema | undefined>((at, name) => partsOf(at)[name], start);
  return Object.fromEntries(Object.entries(partsOf(schema)).map(([name, field]) => [name, fieldOf(name, field)]));
}

function partsOf(schema: Schema | undefined): Record<string, Schema> {
  return schema?.properties ?? schema?.items?.properties ?? schema?.oneOf?.[0]?.properties ?? {};
}

function fieldOf(name: string, whole: Schema): RequestField {
  const standard = whole['x-default'] ?? whole.default;
  const words = whole.anyOf?.flatMap(({ enum: choices }) => choices ?? []);
  const schema = { ...whole, ...whole.anyOf?.find(({ enum: choices }) => choices === undefined) };
  return {
    name,
    description: schema.description ?? '',
    kind: kindOf(schema),
    least: schema.exclusiveMinimum ?? schema.minimum ?? null,
    most: schema.exclusiveMaximum ?? schema.maximum ?? null,
    isAbove: schema.exclusiveMinimum !== undefined,
    isBelow: schema.exclusiveMaximum !== undefined,
    choices: (words ?? schema.enum ?? []).filter((choice) => typeof choice === 'string'),
    standard: standard === undefined || standard === null ? null : String(standard),
  };
}

function kindOf({ type, enum: choices, additionalProperties: values }: Schema): RequestField['kind'] {
  const types = [type ?? []].flat();
  if (choices !== undefined) return 'choice';
  if (types.includes('boolean')) return 'switch';
  if (types.includes('integer')) return 'integer';
  if (types.includes('number')) return 'number';
  if (types.includes('object') && typeof values === 'object') return 'pairs';
  return types.includes('array') ? 'names' : 'text';
}
