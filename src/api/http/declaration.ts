import type { Context } from 'koa';
import type { Sequelize, Transaction } from 'sequelize';
import type { z } from 'zod';
import type { Orchestration } from '../../commands/workflows/client.ts';
import type { Env } from '../../platform/env.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Slowly } from '../../platform/long-answers.ts';
import type { BundleReaders } from '../../retrieval/bundle-readers.ts';
import type { ServedModels } from '../../serving/served-models.ts';
import type { Access } from './guard.ts';
import type { Parsed } from './request.ts';

/** What every handler may use. */
export interface ApiDependencies {
  env: Env;
  orchestration: Orchestration;
  logger: Logger;
  sequelize: Sequelize;
  bundles: BundleReaders;
  models: ServedModels;
  /** After so long an answer says that its work goes on. */
  answerWithinMs?: number;
  /** For so long an answer of /metrics has the figures that were read before. */
  figuresFreshMs?: number;
}

/**
 * Creates in a transaction, once per Idempotency-Key where the client sends one (see idempotency.ts), and gives the
 * answer. `fingerprint`: what makes a request the same one, unless that is its JSON body.
 */
export type Once = (create: (transaction: Transaction) => Promise<unknown>, fingerprint?: string) => Promise<unknown>;

/** The same for what one statement creates: it needs a transaction only beside the key, where there is one. */
export type OnceByOneStatement = (create: (transaction: Transaction | null) => Promise<unknown>) => Promise<unknown>;

interface Request<Params, Query, Body> {
  params: Params;
  query: Query;
  body: Body;
  ctx: Context;
  /** What the client sent as Idempotency-Key, of which `once` makes use by itself. @throws ApiError 422 */
  idempotencyKey: () => string | undefined;
  once: Once;
  onceByOneStatement: OnceByOneStatement;
  slowly: Slowly;
}

interface Success {
  status: 200 | 201 | 204;
  description: string;
  /** When the answer is a 200 instead of a 201: what was to be created is there. The handler says so. */
  already?: string;
  schema?: z.ZodType;
  /** Of an answer that is no JSON. */
  contentType?: string;
  /** What each event has, where the answer may also be asked for as a stream of them (Server-Sent Events). */
  streamed?: z.ZodType;
  /** Where what was created is found, with the `{id}` of the answer: the header Location. */
  location?: string;
}

/** What an endpoint is, without who may use it. */
export interface Fields<
  P extends z.ZodObject | undefined,
  Q extends z.ZodObject | undefined,
  B extends z.ZodType | undefined,
> {
  method: 'get' | 'post' | 'patch' | 'delete';
  /** As OpenAPI writes it, under the base path: `/jobs/{id}`. */
  path: string;
  /** The last parameter of the path is all that is left of it, with slashes. */
  takesRestOfPath?: boolean;
  summary: string;
  tag: string;
  params?: P;
  query?: Q;
  body?: B;
  /** The body may be left out. */
  bodyOptional?: boolean;
  /** Takes an Idempotency-Key: the handler uses `once`. */
  creates?: boolean;
  /** Other request headers, for the document: the handler reads them. */
  headers?: z.ZodObject;
  /** Default: JSON. A multipart body is read by the handler. */
  multipart?: z.ZodType;
  success: Success;
  /** A download, which is answered by `sendDownload`: also a part of it, and that it has not changed. */
  inRanges?: boolean;
  /** The handler uses `slowly`: an answer may be 202, with how far it is. */
  mayTakeLong?: boolean;
  /** Changes nothing, although its method is none that reads: it plans, checks or answers. Others are in the audit list. */
  changesNothing?: boolean;
  /** Error codes beside those that every endpoint can give, with when they are given. */
  errors?: Record<number, string>;
  handle: (request: Request<Parsed<P>, Parsed<Q>, Parsed<B>>) => Promise<unknown>;
}

/** Whether the audit list has what it is asked for: all that is not declared to change nothing. */
export function isAudited({ method, changesNothing = false }: { method: string; changesNothing?: boolean }): boolean {
  return method !== 'get' && !changesNothing;
}

/** One endpoint: what it is, and who may use it. */
export type Declaration<
  P extends z.ZodObject | undefined,
  Q extends z.ZodObject | undefined,
  B extends z.ZodType | undefined,
> = Fields<P, Q, B> & Access;
