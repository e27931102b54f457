import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { KEYS_AWAY } from '../../src/api/http/document-endpoint.ts';
import { COMPLETE, putInCache } from '../support/base-models.ts';
import { type Answer, ContractWorld, KEY, type Sent, sweepOf } from '../support/contract-world.ts';
import { csvRows } from '../support/rows.ts';
import { TINY_MODEL, until } from '../support/service.ts';

/** Makes an operation give a code. It gets the ordinary request of that operation. */
type Case = (world: ContractWorld, ordinary: Sent) => Promise<Answer> | Answer;

const NONE = 999_999;
const OUTSIDE = { output_directory: '/etc/x' };
const QUESTION = [{ role: 'user', content: 'what?' }];
/** On the tiny model and a run that has completed. */
const voteFor = (right: string) => ({
  left_model: TINY_MODEL,
  right_model: right,
  better: 'right',
  blind: true,
  messages: QUESTION,
  tools: null,
  parameters: { temperature: 0, top_p: 1, max_tokens: 8, seed: null },
  left_answer: 'this',
  right_answer: 'that',
});
const traitsOf = (id: number) => [{ trait_type: 'coding', datasets: [{ dataset_id: id, percentage: 100 }] }];

/** Of the export that a completed job or project has. */
const exportsOf = (owner: 'job' | 'project'): Record<string, (world: ContractWorld) => Partial<Sent>> => {
  const one = ({ exported }: ContractWorld) => `/${owner}s/{id}/exports/${exported[owner]}`;
  return {
    [`POST /${owner}s/{id}/exports`]: () => ({ body: { quantization: 'q8_0' } }),
    [`GET /${owner}s/{id}/exports/{export_id}`]: (world) => ({ path: one(world) }),
    [`DELETE /${owner}s/{id}/exports/{export_id}`]: (world) => ({ path: one(world) }),
    [`POST /${owner}s/{id}/exports/{export_id}/pin`]: (world) => ({
      path: `${one(world)}/pin`,
      body: { pinned: true },
    }),
    [`GET /${owner}s/{id}/exports/{export_id}/files/{path}`]: (world) => ({ path: `${one(world)}/files/Modelfile` }),
  };
};

/** What an operation sends when all is well; without an entry: its path alone, about what is completed. */
const hostPath = ({ env }: ContractWorld['service'], action: string) => `/workers/hosts/${env.hostName}/${action}`;

const ofCheckpoint =
  (owner: 'job' | 'project') =>
  ({ savedSteps }: ContractWorld) => ({
    path: `/${owner}s/{id}/checkpoints/${savedSteps[owner]}/pin`,
    body: { pinned: true },
  });

const ORDINARY: Record<string, (world: ContractWorld) => Partial<Sent>> = {
  'POST /datasets/': () => ({ form: { name: 'rows', file: csvRows(5) } }),
  'PATCH /datasets/{id}': () => ({ body: { name: 'other' } }),
  'POST /datasets/{id}/validate': () => ({ body: {} }),
  'GET /datasets/{id}/tokens': () => ({ path: `/datasets/{id}/tokens?base_model=${TINY_MODEL}` }),
  'POST /jobs/': ({ datasetId }) => ({ body: { name: 'j', dataset_id: datasetId, model_name: TINY_MODEL } }),
  'POST /jobs/plan': ({ datasetId }) => ({ body: { dataset_id: datasetId } }),
  'POST /jobs/{id}/query': () => ({ body: { question: 'what?' } }),
  'POST /projects/{id}/query': () => ({ body: { question: 'what?' } }),
  'POST /jobs/{id}/votes': ({ completed }) => ({ body: voteFor(`job-${completed.job}`) }),
  'POST /projects/{id}/votes': ({ completed }) => ({ body: voteFor(`project-${completed.project}`) }),
  'POST /playground/prompt': () => ({ body: { model: TINY_MODEL, messages: QUESTION } }),
  'PATCH /jobs/{id}': () => ({ body: { description: 'other' } }),
  'POST /sweeps/{id}/queue': () => ({ body: { front: true } }),
  'POST /jobs/{id}/queue': () => ({ body: { front: true } }),
  'POST /projects/{id}/queue': () => ({ body: { front: true } }),
  'POST /jobs/{id}/pin': () => ({ body: { pinned: true } }),
  'POST /projects/{id}/pin': () => ({ body: { pinned: true } }),
  'POST /jobs/{id}/checkpoints/{step}/pin': ofCheckpoint('job'),
  'POST /projects/{id}/checkpoints/{step}/pin': ofCheckpoint('project'),
  'POST /storage/clean': () => ({ body: {} }),
  'POST /jobs/{id}/start': () => ({ body: {} }),
  'POST /session': () => ({ body: { api_key: KEY } }),
  'POST /projects/': ({ datasetId }) => ({
    body: { name: 'p', base_model: TINY_MODEL, output_directory: 'p', traits: traitsOf(datasetId) },
  }),
  'PATCH /projects/{id}': () => ({ body: { name: 'other' } }),
  'POST /projects/{id}/start': () => ({ body: {} }),
  'POST /projects/{id}/retry': () => ({ body: { fresh: true } }),
  'POST /projects/{id}/promote': () => ({ body: { version: 1, reason: 'why not' } }),
  'POST /projects/{id}/rollback': () => ({ body: { reason: 'why not' } }),
  'POST /sweeps/plan': ({ datasetId }) => ({ body: sweepOf(datasetId) }),
  'POST /projects/plan': ({ datasetId }) => ({ body: { traits: traitsOf(datasetId) } }),
  'POST /projects/validate-output-dir': () => ({ body: { output_directory: 'out' } }),
  'POST /projects/validate-model': () => ({ body: { model_name: TINY_MODEL } }),
  'GET /jobs/{id}/files/{path}': () => ({ path: '/jobs/{id}/files/README.md' }),
  'GET /projects/{id}/files/{path}': () => ({ path: '/projects/{id}/files/README.md' }),
  ...Object.fromEntries(['job', 'project'].flatMap((owner) => Object.entries(exportsOf(owner as 'job' | 'project')))),
  'GET /models/{name}': () => ({ path: `/models/${encodeURIComponent(TINY_MODEL)}` }),
  'POST /models/': () => ({ body: { name: 'org/model' } }),
  'DELETE /models/{name}': () => ({ path: `/models/${encodeURIComponent(TINY_MODEL)}` }),
  'PATCH /config/': () => ({ body: { default_epochs: 2 } }),
  'POST /workers/': () => ({ body: { action: 'stop' } }),
  'POST /workers/hosts/{host}/drain': ({ service }) => ({ path: hostPath(service, 'drain'), body: {} }),
  'POST /workers/hosts/{host}/undrain': ({ service }) => ({ path: hostPath(service, 'undrain') }),
  'POST /workers/{worker}/drain': () => ({ path: '/workers/worker-of-nobody/drain', body: {} }),
  'POST /workers/{worker}/undrain': () => ({ path: '/workers/worker-of-nobody/undrain' }),
  'POST /keys/': () => ({ body: { name: `key ${randomUUID()}`, role: 'viewer' } }),
  'PATCH /keys/{id}': () => ({ body: { expires_at: null } }),
  'POST /sweeps/': ({ datasetId }) => ({ body: sweepOf(datasetId) }),
  'POST /notification-targets/': () => ({
    body: { kind: 'webhook', name: `target ${randomUUID()}`, url: 'https://example.com/' },
  }),
  'PATCH /notification-targets/{id}': () => ({ body: { events: ['disk.low'] } }),
};

/**
 * Codes that every operation gives in the same way. 408 and 503 are below: they take a minute, and a server that is away.
 * 202 needs work that takes long: see long-answers.test.ts.
 */
const COMMON: Record<number, Case> = {
  200: (world, sent) => world.send(sent),
  201: (world, sent) => world.send(sent),
  206: (world, sent) => world.send({ ...sent, headers: { Range: 'bytes=0-9' } }),
  304: async (world, sent) => {
    const { headers } = await world.send(sent);
    // fetch would ask for no cached answer on its own ("no-cache", which wins over the ETag).
    const asked = { 'If-None-Match': String(headers.get('ETag')), 'Cache-Control': 'max-age=0' };
    return await world.send({ ...sent, headers: asked });
  },
  416: (world, sent) => world.send({ ...sent, headers: { Range: 'bytes=999999999999-' } }),
  401: (world, sent) => world.send({ ...sent, headers: { Authorization: '' } }),
  429: async (world, sent) => {
    const guess = () => world.send({ ...sent, headers: { Authorization: `Bearer ${randomUUID()}` } });
    return await until('too many wrong keys', async () => {
      const answer = await guess();
      return answer.status === 429 ? answer : null;
    });
  },
  403: (world, sent) => world.send({ ...sent, headers: { Origin: 'https://elsewhere.example' } }),
  404: (world, sent) => world.send({ ...sent, id: NONE }),
  409: async (world, sent) => {
    const headers = { 'Idempotency-Key': randomUUID() };
    const other = sent.form ? { form: { ...sent.form, name: 'b' } } : { body: { ...(sent.body as object), name: 'b' } };
    await world.send({ ...sent, headers });
    return await world.send({ ...sent, ...other, headers });
  },
  413: (world, sent) =>
    sent.form
      ? world.begin(sent, { 'Content-Length': String(world.service.env.maxUploadBytes * 2) })
      : world.send({ ...sent, body: { name: 'x'.repeat(2_000_000) } }),
  415: (world, sent) => world.begin(sent, { 'Content-Type': 'text/plain', 'Content-Length': '1' }),
  422: (world, sent) => {
    if (sent.path.includes('{id}')) return world.send({ ...sent, id: 'x' });
    if (sent.form) return world.send({ ...sent, form: { name: 'no file' } });
    if (sent.body) return world.send({ ...sent, body: { unknown: 1 } });
    return world.send({ ...sent, path: `${sent.path}?page=0` });
  },
};

const aboutOpen: Case = (world, sent) => world.send({ ...sent, id: world.open[ownerOf(sent)] });
const aboutIndexed: Case = (world, sent) => world.send({ ...sent, id: world.indexed[ownerOf(sent)] });
const aboutUnstarted: Case = (world, sent) => world.send({ ...sent, id: world.unstartedProjectId });
const aboutCancelled: Case = async (world, sent) => world.send({ ...sent, id: await world.cancelled(ownerOf(sent)) });
const aboutPaused: Case = async (world, sent) => {
  const id = world.open[ownerOf(sent)];
  await world.expect(200, { method: 'POST', path: `/${ownerOf(sent)}s/{id}/pause`, id });
  return await world.send({ ...sent, id });
};
/** With a key that another vote was sent with. */
const votedOtherwise: Case = async (world, sent) => {
  const headers = { 'Idempotency-Key': randomUUID() };
  await world.send({ ...sent, headers });
  return await world.send({ ...sent, headers, body: { ...(sent.body as object), better: 'same' } });
};
/** Another export than the one that is there. */
const exportedOtherwise: Case = (world, sent) => world.send({ ...sent, body: { quantization: 'f16' } });
const deletedExport: Case = async (world, sent) => {
  const path = `/${ownerOf(sent)}s/{id}/exports`;
  const { id } = await world.expect(201, { method: 'POST', path, id: sent.id, body: { quantization: 'q6_k' } });
  return await world.send({ ...sent, path: `${path}/${id}` });
};
const aboutCancelledDownload: Case = async (world, sent) => {
  const id = await world.download();
  await world.expect(200, { method: 'POST', path: '/model-downloads/{id}/cancel', id });
  return await world.send({ ...sent, id });
};
const aboutCancelledSweep: Case = async (world, sent) => {
  const id = await world.sweep();
  await world.expect(200, { method: 'POST', path: '/sweeps/{id}/cancel', id });
  return await world.send({ ...sent, id });
};
const withBody =
  (body: unknown): Case =>
  (world, sent) =>
    world.send({ ...sent, body });

/** Changes which versions the completed project has had as its latest. */
const withPromotions =
  (sql: string, then: Case): Case =>
  async (world, sent) => {
    const database = new pg.Client(world.servers.databaseUrl);
    await database.connect();
    await database.query(sql, [world.completed.project]);
    await database.end();
    return await then(world, sent);
  };
const NO_LATEST = 'DELETE FROM promotions WHERE project_id = $1';
const LATEST_AGAIN = `INSERT INTO promotions (project_id, run_id, how, reason, returns_to_id)
  SELECT project_id, run_id, 'promoted', 'again', id FROM promotions WHERE project_id = $1 ORDER BY id DESC LIMIT 1`;
/** With a key that the same was asked under, for another reason. */
const forAnotherReason: Case = async (world, sent) => {
  const headers = { 'Idempotency-Key': randomUUID() };
  await world.send({ ...sent, headers });
  return await world.send({ ...sent, headers, body: { ...(sent.body as object), reason: 'another' } });
};
/** Which is told nothing from now on. */
async function disabledTarget(world: ContractWorld, id: number): Promise<number> {
  await world.expect(200, { method: 'PATCH', path: '/notification-targets/{id}', id, body: { enabled: false } });
  return id;
}
/** A worker that is wanted, of a host that is not there. */
const withWorker =
  (drain: string | null): Case =>
  async (world, sent) => {
    const database = new pg.Client(world.servers.databaseUrl);
    await database.connect();
    await database.query(
      `INSERT INTO workers (id, host, desired, status, started_at, last_activity_at, drain, drain_asked_at)
       VALUES ('worker-of-nobody', 'nowhere', 'running', 'stopped', now(), now(), $1::text, now())
       ON CONFLICT (id) DO UPDATE SET drain = $1::text`,
      [drain],
    );
    await database.end();
    return await world.send(sent);
  };
const elsewhere =
  (path: string): Case =>
  (world, sent) =>
    world.send({ ...sent, path });
const asOrdinary: Case = (world, sent) => world.send(sent);

/**
 * What takes rows of hundreds of megabytes (tests/datasets/limits.test.ts), a service without keys of settings (tests/api/keys/), or what was removed
 * or pushed (tests/api/storage/pins.test.ts).
 */
const ELSEWHERE = new Set([
  'GET /datasets/{id}/preview 400',
  'DELETE /keys/{id} 409',
  'POST /jobs/{id}/checkpoints/{step}/pin 409',
  'POST /projects/{id}/checkpoints/{step}/pin 409',
  'POST /jobs/{id}/exports/{export_id}/pin 400',
]);

/** Codes that an operation gives in a way of its own, or only about other things than what is completed. */
const SPECIAL: Record<string, Case> = {
  'POST /workers/{worker}/drain 200': withWorker(null),
  'POST /workers/{worker}/drain 404': elsewhere('/workers/none/drain'),
  'POST /workers/{worker}/undrain 200': withWorker('move'),
  'POST /workers/{worker}/undrain 400': withWorker(null),
  'POST /workers/{worker}/undrain 404': elsewhere('/workers/none/undrain'),
  'POST /workers/hosts/{host}/drain 404': elsewhere('/workers/hosts/none/drain'),
  'POST /workers/hosts/{host}/undrain 200': async (world, sent) => {
    await world.expect(200, { method: 'POST', path: hostPath(world.service, 'drain'), body: { move: true } });
    return await world.send(sent);
  },
  'POST /workers/hosts/{host}/undrain 400': async (world, sent) => {
    await world.send(sent);
    return await world.send(sent);
  },
  'POST /workers/hosts/{host}/undrain 422': elsewhere(`/workers/hosts/${'x'.repeat(65)}/undrain`),
  'POST /workers/{worker}/undrain 422': elsewhere(`/workers/${'x'.repeat(65)}/undrain`),
  'POST /workers/hosts/{host}/undrain 404': elsewhere('/workers/hosts/none/undrain'),
  'POST /datasets/ 400': (world, sent) => world.send({ ...sent, form: { name: 'empty', file: '' } }),
  // Larger than any disk, and within the limit.
  'POST /datasets/ 507': (world, sent) =>
    world.begin(sent, { 'Content-Length': String(world.service.env.maxUploadBytes) }),
  'DELETE /datasets/uploads/{id} 204': async (world, sent) => {
    const begun = world.begin({ method: 'POST', path: '/datasets/', form: { name: 'x' } }, { 'Content-Length': '999' });
    const id = await until('the upload to be listed', async () => {
      const { items } = await world.expect(200, { method: 'GET', path: '/datasets/uploads' });
      return (items as { id: string; total_bytes: number }[]).find((upload) => upload.total_bytes === 999)?.id ?? null;
    });
    const answer = await world.send({ ...sent, id });
    assert.equal((await begun).status, 409);
    return answer;
  },
  'DELETE /datasets/uploads/{id} 404': (world, sent) => world.send(sent),
  // Its row waits for a lock of ours.
  'DELETE /datasets/uploads/{id} 409': async (world, sent) => {
    const database = new pg.Client(world.servers.databaseUrl);
    await database.connect();
    await database.query('BEGIN; LOCK TABLE datasets IN EXCLUSIVE MODE');
    const uploaded = world.upload();
    const answer = await until('the upload to be saved', async () => {
      const { items } = await world.expect(200, { method: 'GET', path: '/datasets/uploads' });
      const upload = (items as { id: string; phase: string }[]).find(({ phase }) => phase === 'converting');
      const { rowCount } = await database.query(
        "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'datasets'::regclass",
      );
      return upload && rowCount ? await world.send({ ...sent, id: upload.id }) : null;
    });
    await database.query('COMMIT');
    await database.end();
    await uploaded;
    return answer;
  },
  'POST /datasets/{id}/validate 400': withBody({ mapping: { text: 'no such column' } }),
  'PATCH /datasets/{id} 400': withBody({ mapping: { text: 'no such column' } }),
  'DELETE /datasets/{id} 204': async (world, sent) => world.send({ ...sent, id: await world.upload() }),
  'DELETE /datasets/{id} 409': (world, sent) => world.send(sent),
  'GET /datasets/{id}/profile 400': (world, sent) => world.send({ ...sent, path: `${sent.path}?base_model=none/such` }),
  'GET /datasets/{id}/tokens 400': (world, sent) =>
    world.send({ ...sent, path: '/datasets/{id}/tokens?base_model=none/such' }),
  'GET /audit/ 400': (world, sent) => world.send({ ...sent, path: `${sent.path}?entity_id=12` }),
  'POST /jobs/ 400': withBody({ name: 'j', dataset_id: NONE }),
  'POST /jobs/plan 400': withBody({ dataset_id: NONE }),
  'DELETE /jobs/{id} 204': aboutCancelled,
  'DELETE /jobs/{id} 409': aboutOpen,
  'POST /jobs/{id}/cancel 200': async (world, sent) => world.send({ ...sent, id: await world.openJob() }),
  'POST /jobs/{id}/cancel 400': (world, sent) => world.send(sent),
  'POST /jobs/{id}/queue 200': aboutOpen,
  'POST /jobs/{id}/queue 400': (world, sent) => world.send(sent),
  'POST /jobs/{id}/pause 200': aboutOpen,
  'POST /jobs/{id}/pause 400': (world, sent) => world.send(sent),
  'POST /jobs/{id}/resume 200': aboutPaused,
  'POST /jobs/{id}/resume 400': (world, sent) => world.send(sent),
  'POST /jobs/{id}/start 200': aboutCancelled,
  'POST /jobs/{id}/start 400': (world, sent) => world.send(sent),
  'POST /jobs/{id}/start 409': aboutOpen,
  'GET /jobs/{id}/files 400': aboutCancelled,
  'GET /jobs/{id}/files/{path} 400': aboutCancelled,
  'GET /jobs/{id}/download 400': aboutCancelled,
  'DELETE /session 204': (world, sent) => world.send(sent),
  'PATCH /config/ 400': withBody({ model_aliases: { other: 'none/such' } }),
  'POST /session 400': withBody({ api_key: 'none-of-yours' }),
  'POST /session 429': async (world, sent) =>
    await until('too many wrong keys', async () => {
      const answer = await world.send({ ...sent, body: { api_key: randomUUID() } });
      return answer.status === 429 ? answer : null;
    }),
  'POST /keys/ 400': withBody({ name: 'past', role: 'viewer', expires_at: '2001-01-01T00:00:00Z' }),
  'POST /keys/ 409': async (world, sent) => {
    await world.key('twice');
    return await world.send({ ...sent, body: { name: 'key twice', role: 'viewer' } });
  },
  'PATCH /keys/{id} 400': withBody({ expires_at: '2001-01-01T00:00:00Z' }),
  'PATCH /keys/{id} 409': async (world, sent) => {
    await world.key('of another');
    return await world.send({ ...sent, body: { name: 'key of another' } });
  },
  'DELETE /keys/{id} 204': async (world, sent) => world.send({ ...sent, id: await world.key() }),
  'POST /notification-targets/ 400': withBody({ kind: 'webhook', name: 'ftp', url: 'ftp://example.com' }),
  'POST /notification-targets/ 409': async (world, sent) => {
    await world.notificationTarget('twice');
    return await world.send({ ...sent, body: { ...(sent.body as object), name: 'target twice' } });
  },
  'PATCH /notification-targets/{id} 400': withBody({ address: 'anna@example.com' }),
  'PATCH /notification-targets/{id} 409': async (world, sent) => {
    await world.notificationTarget('of another');
    return await world.send({ ...sent, body: { name: 'target of another' } });
  },
  'DELETE /notification-targets/{id} 204': async (world, sent) =>
    world.send({ ...sent, id: await world.notificationTarget() }),
  'POST /notification-targets/{id}/test 409': async (world, sent) =>
    world.send({ ...sent, id: await disabledTarget(world, await world.notificationTarget()) }),
  'POST /notification-deliveries/{id}/redeliver 409': async (world, sent) => {
    const target = await world.notificationTarget();
    const id = await world.notificationDelivery(target);
    await disabledTarget(world, target);
    return await world.send({ ...sent, id });
  },
  'POST /storage/clean 409': async (world, sent) => {
    const headers = { 'Idempotency-Key': randomUUID() };
    await world.send({ ...sent, headers, body: { dry_run: false, kinds: ['worker_logs'] } });
    return await world.send({ ...sent, headers, body: { dry_run: false, kinds: ['idempotency_keys'] } });
  },
  'POST /projects/ 400': (world, sent) => world.send({ ...sent, body: { ...(sent.body as object), ...OUTSIDE } }),
  'PATCH /projects/{id} 400': withBody({ gate: { conditions: [{ against: 'base', metric: 'loss' }] } }),
  'POST /projects/{id}/promote 200': withPromotions(NO_LATEST, asOrdinary),
  'POST /projects/{id}/promote 400': asOrdinary,
  'POST /projects/{id}/promote 409': withPromotions(NO_LATEST, forAnotherReason),
  'POST /projects/{id}/rollback 200': withPromotions(LATEST_AGAIN, asOrdinary),
  'POST /projects/{id}/rollback 400': aboutUnstarted,
  'POST /projects/{id}/rollback 409': withPromotions(LATEST_AGAIN, forAnotherReason),
  'POST /projects/plan 400': withBody({ traits: [] }),
  'POST /projects/validate-output-dir 400': withBody(OUTSIDE),
  'DELETE /projects/{id} 204': aboutCancelled,
  'DELETE /projects/{id} 409': aboutOpen,
  'POST /projects/{id}/start 200': async (world, sent) => world.send({ ...sent, id: await world.project() }),
  'POST /projects/{id}/start 400': async (world, sent) => world.send({ ...sent, id: await world.project('none/such') }),
  'POST /projects/{id}/start 409': aboutOpen,
  'POST /projects/{id}/retry 200': aboutCancelled,
  'POST /projects/{id}/retry 400': async (world, sent) => world.send({ ...sent, id: await world.project('none/such') }),
  'POST /projects/{id}/retry 409': aboutOpen,
  'POST /projects/{id}/cancel 200': async (world, sent) => world.send({ ...sent, id: await world.openProject() }),
  'POST /projects/{id}/cancel 400': (world, sent) => world.send(sent),
  'POST /projects/{id}/queue 200': aboutOpen,
  'POST /projects/{id}/queue 400': (world, sent) => world.send(sent),
  'POST /projects/{id}/pin 400': aboutUnstarted,
  'POST /projects/{id}/checkpoints/{step}/pin 400': aboutUnstarted,
  'POST /projects/{id}/exports/{export_id}/pin 400': aboutUnstarted,
  'POST /projects/{id}/pause 200': aboutOpen,
  'POST /projects/{id}/pause 400': (world, sent) => world.send(sent),
  'POST /projects/{id}/resume 200': aboutPaused,
  'POST /projects/{id}/resume 400': (world, sent) => world.send(sent),
  'POST /projects/{id}/validate 400': aboutUnstarted,
  'GET /projects/{id}/events 400': aboutUnstarted,
  'GET /projects/{id}/metrics 400': aboutUnstarted,
  'GET /projects/{id}/curves 400': aboutUnstarted,
  'GET /projects/{id}/logs 400': aboutUnstarted,
  'GET /projects/{id}/checkpoints 400': aboutUnstarted,
  'GET /projects/{id}/report 400': aboutUnstarted,
  'GET /projects/{id}/report.md 400': aboutUnstarted,
  'GET /projects/{id}/curves.png 400': aboutUnstarted,
  'GET /projects/{id}/mixture 400': aboutUnstarted,
  'GET /projects/{id}/mixture/download 400': aboutUnstarted,
  'GET /projects/{id}/files 400': aboutUnstarted,
  'GET /projects/{id}/files/{path} 400': aboutUnstarted,
  'GET /projects/{id}/download 400': aboutUnstarted,
  'POST /jobs/{id}/query 200': aboutIndexed,
  'POST /jobs/{id}/query 400': (world, sent) => world.send(sent),
  'POST /projects/{id}/query 200': aboutIndexed,
  'POST /projects/{id}/query 400': (world, sent) => world.send(sent),
  'POST /jobs/{id}/exports 201': exportedOtherwise,
  'POST /jobs/{id}/exports 400': aboutIndexed,
  'DELETE /jobs/{id}/exports/{export_id} 204': deletedExport,
  'GET /jobs/{id}/exports/{export_id}/files/{path} 400': (world, sent) =>
    world.send({ ...sent, path: sent.path.replace('Modelfile', 'none') }),
  'POST /projects/{id}/exports 201': exportedOtherwise,
  'POST /projects/{id}/exports 400': aboutIndexed,
  'GET /projects/{id}/exports 400': aboutUnstarted,
  'GET /projects/{id}/exports/{export_id} 400': aboutUnstarted,
  'DELETE /projects/{id}/exports/{export_id} 204': deletedExport,
  'DELETE /projects/{id}/exports/{export_id} 400': aboutUnstarted,
  'GET /projects/{id}/exports/{export_id}/files/{path} 400': aboutUnstarted,
  'GET /projects/{id}/votes 400': aboutUnstarted,
  'GET /projects/{id}/trackers 400': aboutUnstarted,
  'POST /jobs/{id}/votes 400': (world, sent) =>
    world.send({ ...sent, body: voteFor(`project-${world.completed.project}`) }),
  'POST /jobs/{id}/votes 409': votedOtherwise,
  'POST /projects/{id}/votes 400': (world, sent) =>
    world.send({ ...sent, body: voteFor(`job-${world.completed.job}`) }),
  'POST /projects/{id}/votes 409': votedOtherwise,
  'POST /playground/prompt 400': (world, sent) =>
    world.send({ ...sent, body: { model: `job-${world.indexed.job}`, messages: QUESTION } }),
  'POST /playground/prompt 404': withBody({ model: 'none/such', messages: QUESTION }),
  'GET /models/{name} 404': (world, sent) => world.send({ ...sent, path: '/models/none/such' }),
  'GET /models/{name} 422': (world, sent) => world.send({ ...sent, path: `/models/${'x'.repeat(256)}` }),
  'POST /models/ 200': async (world, sent) => {
    await world.send(sent);
    return await world.send(sent);
  },
  'POST /models/ 201': withBody({ name: 'org/other' }),
  'POST /models/ 400': withBody({ name: 'org/model', host: 'nowhere' }),
  'DELETE /models/{name} 204': async (world, sent) => {
    await putInCache(world.service.env.modelCache, 'org/removed', COMPLETE);
    return await world.send({ ...sent, path: '/models/org/removed' });
  },
  'DELETE /models/{name} 400': (world, sent) => world.send({ ...sent, path: '/models/%2Fa%2Fdirectory' }),
  'DELETE /models/{name} 404': (world, sent) => world.send({ ...sent, path: '/models/none/such' }),
  'DELETE /models/{name} 409': (world, sent) => world.send(sent),
  'DELETE /models/{name} 422': (world, sent) => world.send({ ...sent, path: `/models/${'x'.repeat(256)}` }),
  'POST /model-downloads/{id}/pause 400': aboutCancelledDownload,
  'POST /model-downloads/{id}/resume 200': async (world, sent) => {
    const id = await world.download();
    await world.expect(200, { method: 'POST', path: '/model-downloads/{id}/pause', id });
    return await world.send({ ...sent, id });
  },
  'POST /model-downloads/{id}/resume 400': aboutCancelledDownload,
  'POST /model-downloads/{id}/cancel 200': async (world, sent) => world.send({ ...sent, id: await world.download() }),
  'POST /model-downloads/{id}/cancel 400': aboutCancelledDownload,
  'POST /workers/ 400': withBody({ action: 'start', worker_count: 32 }),
  'POST /sweeps/ 400': withBody(sweepOf(NONE)),
  'POST /sweeps/plan 400': withBody({ ...sweepOf(NONE), search: { method: 'grid' } }),
  'POST /sweeps/{id}/queue 200': async (world, sent) => world.send({ ...sent, id: await world.sweep() }),
  'POST /sweeps/{id}/queue 400': aboutCancelledSweep,
  'POST /sweeps/{id}/pause 400': aboutCancelledSweep,
  'POST /sweeps/{id}/resume 200': async (world, sent) => {
    const id = await world.sweep();
    await world.expect(200, { method: 'POST', path: '/sweeps/{id}/pause', id });
    return await world.send({ ...sent, id });
  },
  'POST /sweeps/{id}/resume 400': aboutCancelledSweep,
  'POST /sweeps/{id}/cancel 200': async (world, sent) => world.send({ ...sent, id: await world.sweep() }),
  'POST /sweeps/{id}/cancel 400': aboutCancelledSweep,
  'DELETE /sweeps/{id} 204': aboutCancelledSweep,
  'DELETE /sweeps/{id} 409': (world, sent) => world.send(sent),
};

function ownerOf({ path }: Sent): 'job' | 'project' {
  return path.startsWith('/jobs') ? 'job' : 'project';
}

describe('every documented answer', function () {
  this.timeout(240_000);
  let world: ContractWorld;
  let slow: Promise<[operation: string, answer: Answer][]>;

  before(async () => {
    world = await ContractWorld.create();
    // A minute of silence ends them, beside all that follows.
    slow = Promise.all(
      documented(408).map(async (operation) => [
        operation,
        await world.begin(ordinary(operation), { 'Content-Length': '9' }),
      ]),
    );
  });

  after(() => world?.remove());

  const isForKeysAlone = (operation: string) => world.answers.description(operation, 503) === KEYS_AWAY;
  const documented = (status: number) =>
    world.answers.operations().filter((o) => world.answers.statuses(o).includes(status));

  function ordinary(operation: string): Sent {
    const [method = '', path = ''] = operation.split(' ');
    const id = path.startsWith('/datasets/uploads')
      ? randomUUID()
      : path.startsWith('/datasets')
        ? world.datasetId
        : path.startsWith('/model-downloads')
          ? world.downloadId
          : path.startsWith('/sweeps')
            ? world.sweepId
            : path.startsWith('/keys')
              ? world.keyId
              : path.startsWith('/notification-targets')
                ? world.notificationTargetId
                : path.startsWith('/notification-deliveries')
                  ? world.notificationDeliveryId
                  : world.completed[path.startsWith('/jobs') ? 'job' : 'project'];
    return { method, path, id, ...ORDINARY[operation]?.(world) };
  }

  function expect(operation: string, status: number, answer: Answer): void {
    const { method, path } = ordinary(operation);
    const what = `${operation} ${status}: ${JSON.stringify(answer.body).slice(0, 300)}`;
    assert.equal(answer.status, status, what);
    const [named = path] = path.replace('{id}', '1').split('?');
    world.answers.check(method, named, status, answer.body, answer.type);
    if (status >= 400) assert.ok(String((answer.body as { detail: string }).detail).length > 10, what);
    if (status === 503) assert.ok(Number(answer.headers.get('Retry-After')) > 0, what);
    if (status === 401) assert.equal(answer.headers.get('WWW-Authenticate'), 'Bearer', what);
  }

  it('is given, but 202, 408 and 503', async () => {
    const seen = new Set<string>();
    // Too many wrong keys come last: after them, a wrong key has that answer for a minute.
    for (const isLast of [false, true])
      for (const operation of world.answers.operations()) {
        for (const status of world.answers.statuses(operation)) {
          if ((status === 429) !== isLast) continue;
          if (status === 202 || status === 408 || status === 503 || ELSEWHERE.has(`${operation} ${status}`)) continue;
          const give = SPECIAL[`${operation} ${status}`] ?? COMMON[status];
          assert.ok(give, `${operation} ${status} is documented, and nothing here gives it`);
          expect(operation, status, await give(world, ordinary(operation)));
          seen.add(`${operation} ${status}`);
        }
      }
    assert.deepEqual(
      Object.keys(SPECIAL).filter((name) => !seen.has(name)),
      [],
      'given, but not documented',
    );
    console.log(`      ${seen.size} answers`);
  });

  it('to every other method is 405, with the methods that there are', async () => {
    for (const path of new Set(world.answers.operations().map((operation) => operation.split(' ')[1] ?? ''))) {
      const answer = await world.send({ method: 'PUT', path, id: 1 });
      const methods = world.answers
        .operations()
        .filter((o) => o.endsWith(` ${path}`))
        .map((o) => o.split(' ')[0]);
      assert.equal(answer.status, 405, path);
      const allowed = String(answer.headers.get('Allow')).split(', ');
      assert.deepEqual(
        methods.filter((method) => !allowed.includes(String(method))),
        [],
        path,
      );
    }
  });

  it('to a body that stops coming is 408', async () => {
    const answers = await slow;
    for (const [operation, answer] of answers) expect(operation, 408, answer);
    console.log(`      ${answers.length} answers`);
  });

  it('is 503 where Temporal is needed, while it is away', async () => {
    await world.servers.temporal.stop();
    try {
      for (const operation of ['POST /workers/', 'POST /projects/{id}/validate'])
        expect(operation, 503, await world.send(ordinary(operation)));
    } finally {
      await world.servers.temporal.start();
    }
  });

  it('is 503 where PostgreSQL is needed, while it is away', async () => {
    await world.servers.postgres.stop();
    // What needs it for keys alone is asked with one of the settings.
    const needy = documented(503).filter((operation) => !isForKeysAlone(operation));
    for (const operation of needy) expect(operation, 503, await world.send(ordinary(operation)));
    const alone = world.answers.operations().filter((operation) => !needy.includes(operation));
    for (const operation of alone) {
      const status = [200, 404, 204].find((one) => world.answers.statuses(operation).includes(one)) ?? 0;
      expect(operation, status, await world.send(ordinary(operation)));
    }
    console.log(`      ${needy.length} answers, and ${alone.length} operations that need none`);
    await world.servers.postgres.start();
  });
});
