import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { type Env, loadEnv } from '../../src/platform/env.ts';
import { type RunningService, startService } from '../../src/processes/start/start.ts';
import { createDatabase, createNamespace, sharedServers } from './shared-servers.ts';
import { putTinyModel } from './tiny-models.ts';

export const TINY_MODEL = 'mtm/tiny-random-llama';
export const TINY_EMBEDDER = 'mtm/tiny-random-bert';

/** Settings of a service of a test's own: an empty home, free ports, and a worker that is missed after few seconds. */
export async function testEnv(): Promise<Env> {
  const home = await mkdtemp(join(tmpdir(), 'mtm-test-'));
  return {
    ...loadEnv(),
    home,
    port: 0,
    postgresPort: 0,
    temporalPort: 0,
    temporalUiPort: 0,
    databaseUrl: undefined,
    temporalAddress: undefined,
    outputRoots: [join(home, 'outputs')],
    modelCache: join(home, 'models'),
    ollamaStore: join(home, 'ollama'),
    // Nobody listens there: no test asks a hub of the world.
    hubEndpoint: 'http://127.0.0.1:1',
    heartbeatTimeoutMs: 5_000,
    // A model of random weights ends no answer by itself: it would say as many tokens as it may, which took most of the time of most runs.
    validationMaxNewTokens: 8,
    hostName: 'test-host',
  };
}

/** What a test asks of an API. */
export interface ApiClient {
  /** Sends JSON, gives status and body. */
  call(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<{ status: number; body: Record<string, unknown> }>;
  /** Uploads a file with this content; gives the dataset. */
  upload(
    filename: string,
    content: string | Uint8Array<ArrayBuffer>,
    fields?: Record<string, string>,
  ): Promise<{ status: number; body: Record<string, unknown> }>;
}

export interface TestService extends RunningService, ApiClient {
  env: Env;
}

/** As fetch; what is answered with 202 goes on, and is asked for again until it is done. */
export async function fetchWhenDone(url: string, init: RequestInit): Promise<Response> {
  for (;;) {
    const response = await fetch(url, init);
    if (response.status !== 202) return response;
    await after(1000 * Number(response.headers.get('Retry-After')));
  }
}

/** Asks the API at `apiUrl`, in JSON. @param own headers of all requests, such as a key */
export function clientOf(apiUrl: string, own: Record<string, string> = {}): ApiClient {
  const send = async (method: string, path: string, init: RequestInit) => {
    const response = await fetchWhenDone(`${apiUrl}/api/v1${path}`, { method, ...init });
    const text = await response.text();
    return { status: response.status, body: (text ? JSON.parse(text) : {}) as Record<string, unknown> };
  };
  return {
    call: (method, path, body, headers = {}) =>
      send(
        method,
        path,
        body === undefined
          ? { headers: { ...own, ...headers } }
          : { headers: { 'Content-Type': 'application/json', ...own, ...headers }, body: JSON.stringify(body) },
      ),
    upload: (filename, content, fields = {}) => {
      const form = new FormData();
      form.set('file', new Blob([content]), filename);
      for (const [name, value] of Object.entries({ name: filename, ...fields })) form.set(name, value);
      return send('POST', '/datasets/', { body: form, headers: own });
    },
  };
}

/**
 * The whole real service, with the tiny model in its cache, on a database and a namespace of its own of the shared servers.
 * `remove` stops it and deletes its home.
 */
export async function startTestService(
  changes: Partial<Env> = {},
): Promise<{ service: TestService; remove: () => Promise<void> }> {
  const shared = sharedServers();
  if (!shared) return await startServiceWithServers(changes);
  const [database, temporalNamespace] = await Promise.all([createDatabase(shared), createNamespace(shared)]);
  const places = { databaseUrl: database.url, temporalAddress: shared.temporalAddress, temporalNamespace };
  const { service, remove } = await startServiceWithServers({ ...places, ...changes });
  return {
    service,
    remove: async () => {
      await remove();
      await database.drop();
    },
  };
}

/** The same with servers that are its own, unless `changes` names others. */
export async function startServiceWithServers(
  changes: Partial<Env> = {},
): Promise<{ service: TestService; remove: () => Promise<void> }> {
  const env = { ...(await testEnv()), ...changes };
  // Made by the Python of the tests, whatever that of the service is.
  await putTinyModel({ ...env, python: loadEnv().python }, 'tiny-random');
  const running = await startService(env, () => {});
  const service: TestService = { ...running, env, ...clientOf(running.apiUrl) };
  const remove = async () => {
    await running.stop();
    await rm(env.home, { recursive: true, force: true });
  };
  return { service, remove };
}

/** A client of the Temporal in which a service has its workflows. */
export async function temporalClientOf(service: TestService): Promise<Client> {
  const connection = await Connection.connect({ address: service.temporalAddress });
  return new Client({ connection, namespace: service.env.temporalNamespace });
}

/** Looks until `look` gives something other than null or undefined. @throws Error with `what` after `timeoutMs`. */
export async function until<T>(
  what: string,
  look: () => Promise<T | null | undefined>,
  timeoutMs = 180_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== null && found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`Waited ${timeoutMs} ms for: ${what}`);
    await after(50);
  }
}
