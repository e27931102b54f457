import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { QueryTypes } from 'sequelize';
import { mayDo, ROLES, type Role } from '../../../src/models/keys/roles.ts';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { bearer, makeKeysOfAllKinds } from '../../support/api-keys.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { type RawAnswer, rawSender } from '../../support/raw-request.ts';
import { csvRows } from '../../support/rows.ts';

interface Operation {
  security?: unknown[];
  'x-required-role'?: Role;
  requestBody?: { content: Record<string, unknown> };
  parameters?: { name: string; in: string; schema: { type?: string; pattern?: string } }[];
}

interface Endpoint {
  method: string;
  /** As the document writes it. */
  pattern: string;
  /** null: it is open. */
  role: Role | null;
  operation: Operation;
}

/** No such thing, whatever it is; and a body that nobody reads as JSON. What gets through the guard does nothing. */
const NO_ID = '2147483647';
/** Names that have no slash in them; those of models may. */
const OF_ONE_PART = ['host', 'worker', 'step'];
const NO_BODY = '{';
/** Beside those that a path has. */
const OTHER_METHODS = ['HEAD', 'PUT', 'OPTIONS', 'TRACE'];

const alternating = (text: string) =>
  [...text].map((letter, i) => (i % 2 === 0 ? letter.toUpperCase() : letter.toLowerCase())).join('');
const encoded = (letter: string) => `%${letter.charCodeAt(0).toString(16)}`;
const afterBase = (path: string, change: (end: string) => string) =>
  path.replace(/^(\/api)?\/v1(.*)$/, (_whole, api = '', end = '') => `${api}/v1${change(end)}`);

/** Ways to write a path that some part of a server may take for the same. */
const SPELLINGS: Record<string, (path: string) => string> = {
  'as it is': (path) => path,
  'in upper case': (path) => path.toUpperCase(),
  'in mixed case': alternating,
  'with its base in upper case': (path) => path.replace('/v1', '/V1'),
  'with its end in upper case': (path) => afterBase(path, (end) => end.toUpperCase()),
  'with a slash more or less': (path) => (path.endsWith('/') ? path.slice(0, -1) : `${path}/`),
  'with slashes at its end': (path) => `${path.replace(/\/$/, '')}//`,
  'with a doubled first slash': (path) => `/${path}`,
  'with doubled slashes': (path) => path.replaceAll('/', '//'),
  'with an encoded letter': (path) => path.replace(/[a-z](?=[a-z]*\/?$)/, encoded),
  'with encoded letters': (path) => path.replaceAll(/[a-z]/g, encoded),
  'with encoded slashes': (path) => afterBase(path, (end) => end.replaceAll('/', '%2F')),
  'with a dot segment': (path) => afterBase(path, (end) => `/.${end}`),
  'with an encoded dot segment': (path) => afterBase(path, (end) => `/health/%2e%2e${end}`),
  'through an open path': (path) => `/docs/..${path}`,
  'with a path parameter': (path) => `${path};x=/health`,
  'with a query': (path) => `${path}?x=/health&access_token=a-key-of-nobody`,
  'with an encoded NUL': (path) => `${path}%00`,
  'with a backslash': (path) => afterBase(path, (end) => end.replaceAll('/', '\\')),
  'as a whole URL': (path) => `http://localhost${path}`,
};

describe('every endpoint of the OpenAPI documents, with every kind of key', function () {
  this.timeout(240_000);
  let database: TestDatabase;
  let api: ApiOnly;
  let endpoints: Endpoint[];
  let keys: Awaited<ReturnType<typeof makeKeysOfAllKinds>>;
  let sender: ReturnType<typeof rawSender>;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database);
    // One of each, so that what gets through by its number does something.
    const datasetId = Number((await api.upload('rows.csv', csvRows(20))).body.id);
    assert.equal((await api.call('POST', '/jobs/', { name: 'j', dataset_id: datasetId })).status, 201);
    keys = await makeKeysOfAllKinds(api);
    sender = rawSender(api.url);
    endpoints = [...(await endpointsOf('/api/v1')), ...(await endpointsOf('/v1'))];
  });

  after(async () => {
    sender?.close();
    await api?.close();
    await database?.remove();
  });

  async function endpointsOf(base: string): Promise<Endpoint[]> {
    const { text } = await sender.send('GET', `${base}/openapi.json`);
    const { paths } = JSON.parse(text) as { paths: Record<string, Record<string, Operation>> };
    return Object.entries(paths).flatMap(([pattern, operations]) =>
      Object.entries(operations).map(([method, operation]) => ({
        method: method.toUpperCase(),
        pattern,
        role: operation.security?.length === 0 ? null : (operation['x-required-role'] ?? 'admin'),
        operation,
      })),
    );
  }

  /** The path of something that there is not, in the form that the document asks for. */
  function pathOf(pattern: string): string {
    return pattern.replaceAll(/\{(\w+)\}/g, (_whole, name: string) =>
      name === 'id' || /_id$/.test(name) ? NO_ID : OF_ONE_PART.includes(name) ? 'none' : 'org/none',
    );
  }

  /** Whether an answer comes from behind the guard and the router. */
  function isHandled({ status, text, headers }: RawAnswer): boolean {
    if ([401, 403, 405, 429].includes(status)) return false;
    if (status === 204 && headers.allow !== undefined) return false;
    return !(status === 404 && (text === '' || /There is no \/|not offered here/i.test(text)));
  }

  /** Everything that a request could have changed. */
  async function state(): Promise<string> {
    const tables = ['datasets', 'jobs', 'projects', 'runs', 'run_events', 'workers', 'training_config', 'sweeps'];
    const select = (sql: string) => database.sequelize.query(sql, { type: QueryTypes.SELECT });
    const rows = await Promise.all(tables.map((table) => select(`SELECT * FROM ${table}`)));
    const keyRows = await select('SELECT id, name, role, expires_at, revoked_at FROM api_keys ORDER BY id');
    const files = (await readdir(api.env.home, { recursive: true })).filter((path) => !path.startsWith('postgres'));
    return JSON.stringify([rows, keyRows, files.sort()]);
  }

  it('needs a trainer where it changes something, and an admin for what is the service itself', () => {
    // Declare DELETE /datasets/{id} with the role viewer, or POST /workers/ with the role trainer. Downloads are a trainer's as well.
    const named = (wanted: (endpoint: Endpoint) => boolean) =>
      endpoints.filter(wanted).map(({ method, pattern }) => `${method} ${pattern}`);
    assert.deepEqual(
      named(({ method, role }) => role === 'viewer' && method !== 'GET'),
      [],
    );
    assert.deepEqual(
      named(({ pattern, role }) => role === 'viewer' && /\/(download|content|files\/\{path\})$/.test(pattern)),
      [],
    );
    const atLeastAdmin = ['DELETE /api/v1/models/{name}', 'PATCH /api/v1/config/', 'POST /api/v1/workers/'];
    const admins = named(({ role }) => role === 'admin');
    const missing = [...atLeastAdmin, ...named(({ pattern }) => pattern.startsWith('/api/v1/keys/'))];
    assert.deepEqual(
      missing.filter((each) => !admins.includes(each)),
      [],
    );
    assert.deepEqual(named(({ role }) => role === null).sort(), [
      'DELETE /api/v1/session',
      'GET /api/v1/health',
      'GET /api/v1/session',
      'POST /api/v1/session',
    ]);
  });

  it('lets in whom its role lets in, and says to all others which role it needs and which they have', async () => {
    // Lower a role behind the document's back: let accessOf (src/api/http/endpoint.ts) give { ...way, role: 'viewer' }.
    // Leave the comparison of roles, or of the expiry, out of Guard (src/api/http/guard.ts); or read revoked keys in KeyRing.
    const before = await state();
    const wrong: string[] = [];
    const kinds = {
      none: {},
      ...Object.fromEntries(Object.entries(keys).map(([kind, { headers }]) => [kind, headers])),
    };
    for (const { method, pattern, role } of endpoints) {
      const path = pathOf(pattern);
      await Promise.all(
        Object.entries(kinds).map(async ([kind, headers]) => {
          const answer = await sender.send(method, path, headers, method === 'GET' ? '' : NO_BODY);
          const has = ROLES.find((each) => each === kind);
          const expected = role === null || (has && mayDo(has, role)) ? null : has ? 403 : 401;
          const isRight = expected === null ? isHandled(answer) : answer.status === expected;
          if (!isRight) wrong.push(`${method} ${path} with ${kind}: ${answer.status} ${answer.text.slice(0, 200)}`);
          if (expected === null) return;
          const refusal = JSON.parse(answer.text) as { detail?: string; error?: { message: string } };
          const said = pattern.startsWith('/v1/') ? refusal.error?.message : refusal.detail;
          if (expected === 401) assert.equal(answer.headers['www-authenticate'], 'Bearer');
          else
            assert.match(
              String(said),
              new RegExp(`needs the role ${role}, and the key "${has}" has the role ${has}\\.`),
            );
        }),
      );
    }
    assert.deepEqual(wrong, []);
    assert.equal(await state(), before);
    console.log(`      ${endpoints.length} endpoints, ${Object.keys(kinds).length} kinds of keys`);
  });

  it('is not reached by another spelling or method than those that its role is asked for', async () => {
    // Make the Router of src/api/http/routes.ts insensitive and ask for roles by the path's text; or take requireAccess out of Routes.addTo.
    const before = await state();
    const wrong: string[] = [];
    let sent = 0;
    for (const pattern of new Set(endpoints.map((endpoint) => endpoint.pattern))) {
      const declared = endpoints.filter((each) => each.pattern === pattern).map(({ method }) => method);
      const strict = endpoints.filter(
        (each) => each.pattern === pattern && each.role !== null && each.role !== 'viewer',
      );
      for (const [spelling, write] of Object.entries(SPELLINGS)) {
        const path = write(pathOf(pattern));
        const asked = [
          ...[...declared, ...OTHER_METHODS].map((method) => ({ method, kind: 'none', headers: {}, has: null })),
          ...strict.map(({ method }) => ({
            method,
            kind: 'viewer',
            headers: keys.viewer.headers,
            has: 'viewer' as Role,
          })),
        ];
        await Promise.all(
          asked.map(async ({ method, kind, headers, has }) => {
            const answer = await sender.send(method, path, headers, ['GET', 'HEAD'].includes(method) ? '' : NO_BODY);
            sent += 1;
            const mayReach = matching(method, path).some(({ role }) => role === null || (has && mayDo(has, role)));
            if (isHandled(answer) && !mayReach)
              wrong.push(`${method} ${path} (${pattern} ${spelling}) with ${kind}: ${answer.status}`);
            if (has === null && !mayReach && ![400, 401].includes(answer.status))
              wrong.push(`${method} ${path} (${pattern} ${spelling}) without a key: ${answer.status}, and not 401`);
          }),
        );
      }
    }
    assert.deepEqual(wrong, []);
    assert.equal(await state(), before);
    console.log(`      ${sent} requests`);
  });

  /** The endpoints that a path is one of, by the rules that the documents have: words as they are, one slash more or less at the end. */
  function matching(method: string, path: string): Endpoint[] {
    const asked = path.replace('http://localhost', '').replace(/\?.*/, '');
    return endpoints.filter((endpoint) => {
      if (endpoint.method !== (method === 'HEAD' ? 'GET' : method)) return false;
      const words = endpoint.pattern.replace(/\/$/, '').split(/\{\w+\}/);
      // The last parameter may have slashes in it, of some paths: which of them, the document does not say.
      const written = words.map((word) => word.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.+');
      return new RegExp(`^${written}/?$`).test(asked);
    });
  }

  it('takes no method from a header, and none that it does not know', async () => {
    // Nothing of the kind is there; a middleware that honours the header makes the viewer reach what POST and DELETE do.
    for (const header of ['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override'])
      for (const method of ['DELETE', 'PATCH']) {
        const headers = { ...keys.viewer.headers, [header]: method };
        assert.equal((await sender.send('GET', '/api/v1/jobs/1', headers)).status, 200, header);
        assert.equal((await sender.send('POST', '/api/v1/jobs/1', headers)).status, 405, header);
      }
    assert.equal((await api.call('GET', '/jobs/1', undefined, keys.viewer.headers)).status, 200);
    const response = await fetch(`${api.url}/api/v1/jobs/1`, { method: 'BREW', headers: keys.admin.headers });
    assert.equal(response.status, 400);
  });

  it('takes a whole key alone', async () => {
    const { key } = keys.viewer;
    for (const given of [
      key.toUpperCase(),
      key.slice(0, -1),
      `${key}x`,
      key.slice(4),
      key.slice(0, 12),
      `${key},${key}`,
    ]) {
      const { status } = await sender.send('GET', '/api/v1/jobs/', bearer(given));
      assert.equal(status, 401, given);
    }
    const { text } = await sender.send('GET', '/api/v1/jobs/', bearer(key.slice(0, -1)));
    assert.match(text, /incomplete or mistyped/);
    assert.equal((await sender.send('GET', '/api/v1/jobs/', { Authorization: `Basic ${key}` })).status, 401);
    assert.equal((await sender.send('GET', '/api/v1/jobs/', bearer(key))).status, 200);
  });
});
