import type { z } from 'zod';
import { ErrorSchema } from './shared-schema.ts';

/** Why a request is refused. */
export interface Refusal {
  status: number;
  /** Names field, value and remedy. */
  detail: string;
  /** What of the request is wrong; null: none of its fields. */
  field: string | null;
  /** A name for programs, where the wire has one. */
  code: string | null;
}

/** One of the APIs that the service speaks: where its paths begin, and how it says no. */
export interface Wire {
  basePath: string;
  /** Of its OpenAPI document. */
  title: string;
  description: string;
  /** The status that it has for one of ours. */
  statusOf: (status: number) => number;
  errorSchema: z.ZodType;
  errorBody: (refusal: Refusal) => unknown;
  /** The refusal of a path that its clients may ask for and that is not offered; null: any other path. */
  notOffered?: (path: string) => Pick<Refusal, 'detail' | 'code'> | null;
}

/** The service's own API. */
export const OWN_WIRE: Wire = {
  basePath: '/api/v1',
  title: 'Model Training Manager',
  description: 'Turns datasets and a local base model into a fine-tuned, validated model, and never loses a run.',
  statusOf: (status) => status,
  errorSchema: ErrorSchema,
  errorBody: ({ detail }) => ({ detail }),
};
