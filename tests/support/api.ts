import { mkdir } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { listen } from '../../src/api/http/http-server.ts';
import { modelsInMemory } from '../../src/api/models-in-memory.ts';
import { createApi } from '../../src/api/server.ts';
import { makeFolders } from '../../src/commands/datasets/storage.ts';
import { connectOrchestration } from '../../src/commands/workflows/client.ts';
import type { Env } from '../../src/platform/env.ts';
import { createLogger, type Logger } from '../../src/platform/logger.ts';
import type { TestDatabase } from './database.ts';
import { testEnv } from './service.ts';

interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

export interface ApiOnly {
  env: Env;
  url: string;
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  upload(
    filename: string,
    content: string | Uint8Array<ArrayBuffer>,
    fields?: Record<string, string>,
    headers?: Record<string, string>,
  ): Promise<Answer>;
  close(): Promise<void>;
}

/** Tests ask what the answer is, however slow the machine; that it may come later is a test of its own (long-answers.test.ts). */
const PATIENT_MS = 90_000;

/** The API in this process, over a test's database, with a Temporal that is away. */
export async function startTestApi(
  database: TestDatabase,
  changes: Partial<Env> = {},
  {
    logger = createLogger('api', 'silent'),
    answerWithinMs = PATIENT_MS,
    port = 0,
    figuresFreshMs,
  }: { logger?: Logger; answerWithinMs?: number; port?: number; figuresFreshMs?: number } = {},
): Promise<ApiOnly> {
  const env = { ...(await testEnv()), home: database.home, temporalAddress: '127.0.0.1:1', ...changes };
  await mkdir(env.home, { recursive: true });
  await makeFolders(env);
  const orchestration = connectOrchestration(env);
  const { sequelize } = database;
  const { bundles, models, close: closeModels } = modelsInMemory(env, (sentence) => logger.info(sentence));
  const dependencies = { env, orchestration, logger, sequelize, bundles, models };
  const server = await listen(
    createApi({ ...dependencies, answerWithinMs, ...(figuresFreshMs === undefined ? {} : { figuresFreshMs }) }),
    { port, host: '127.0.0.1' },
  );
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const send = async (path: string, init: RequestInit): Promise<Answer> => {
    const response = await fetch(`${url}/api/v1${path}`, init);
    const text = await response.text();
    const body = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
    return { status: response.status, headers: response.headers, body };
  };
  return {
    env,
    url,
    call: (method, path, body, headers = {}) => {
      if (body === undefined) return send(path, { method, headers });
      return send(path, {
        method,
        headers: { 'Content-Type': 'application/json', ...headers },
        body: JSON.stringify(body),
      });
    },
    upload: (filename, content, fields = {}, headers = {}) => {
      const form = new FormData();
      form.set('file', new Blob([content]), filename);
      for (const [name, value] of Object.entries({ name: filename, ...fields })) form.set(name, value);
      return send('/datasets/', { method: 'POST', headers, body: form });
    },
    close: async () => {
      server.closeAllConnections();
      server.close();
      await closeModels();
      await orchestration.close();
    },
  };
}
