import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { json } from 'node:stream/consumers';
import { DocumentedAnswers } from './openapi.ts';
import { csvRows } from './rows.ts';
import { type OutsideServers, startOutsideServers } from './servers.ts';
import {
  fetchWhenDone,
  startServiceWithServers,
  type TestService,
  TINY_EMBEDDER,
  TINY_MODEL,
  until,
} from './service.ts';
import { putTinyModel } from './tiny-models.ts';

/** Of 32 characters or more: it is let through whatever wrong ones come from this address. */
export const KEY = 'a-key-of-the-settings-that-nobody-guesses';
/** More than any disk has, so that an upload within the limit can be too large for the disk. */
const MOST_UPLOAD_BYTES = 1e15;

export interface Sent {
  method: string;
  /** Under the base path, with `{id}` where `id` goes. */
  path: string;
  id?: number | string;
  body?: unknown;
  form?: { name: string; file?: string };
  headers?: Record<string, string>;
}

export interface Answer {
  status: number;
  headers: Headers;
  type: string;
  body: unknown;
}

const INDEXED = { model: TINY_EMBEDDER, type: 'rag' };

type Owners = Record<'job' | 'project', number>;

/** A real service with keys, and in it one of each: trained, waiting (no worker runs), never started. */
export class ContractWorld {
  readonly service: TestService;
  readonly servers: OutsideServers;
  readonly answers: DocumentedAnswers;
  datasetId = 0;
  completed: Owners = { job: 0, project: 0 };
  /** Of the type rag. */
  indexed: Owners = { job: 0, project: 0 };
  open: Owners = { job: 0, project: 0 };
  /** The exports of what is completed. */
  exported: Owners = { job: 0, project: 0 };
  /** Of a checkpoint of each that is completed. */
  savedSteps: Owners = { job: 0, project: 0 };
  unstartedProjectId = 0;
  /** Of a model, which never comes. */
  downloadId = 0;
  /** Which goes on. */
  sweepId = 0;
  keyId = 0;
  /** Which nobody answers, and a delivery to it. */
  notificationTargetId = 0;
  notificationDeliveryId = 0;
  readonly #remove: () => Promise<void>;

  private constructor(service: TestService, servers: OutsideServers, document: never, remove: () => Promise<void>) {
    this.service = service;
    this.servers = servers;
    this.answers = new DocumentedAnswers(document);
    this.#remove = remove;
  }

  static async create(): Promise<ContractWorld> {
    const servers = await startOutsideServers();
    const { databaseUrl, temporalAddress } = servers;
    const settings = {
      databaseUrl,
      temporalAddress,
      apiKeys: [KEY],
      maxUploadBytes: MOST_UPLOAD_BYTES,
      webhooksAllowPrivate: true,
    };
    const { service, remove } = await startServiceWithServers(settings);
    await putTinyModel(service.env, 'tiny-embedder');
    const document = await (await fetch(`${service.apiUrl}/api/v1/openapi.json`)).json();
    const world = new ContractWorld(service, servers, document as never, remove);
    world.datasetId = await world.upload();
    await world.expect(200, { method: 'POST', path: '/workers/', body: { action: 'start', worker_count: 1 } });
    world.completed = { job: await world.openJob(), project: await world.openProject() };
    world.indexed = { job: await world.openJob(INDEXED), project: await world.openProject(INDEXED) };
    const { completed, indexed } = world;
    for (const path of [completed, indexed].flatMap(({ job, project }) => [`/jobs/${job}`, `/projects/${project}`])) {
      await until(`${path} to be completed`, async () => {
        const { status, error_message } = await world.expect(200, { method: 'GET', path });
        assert.notEqual(status, 'failed', String(error_message));
        return status === 'completed' ? true : null;
      });
    }
    await world.expect(200, { method: 'POST', path: '/workers/', body: { action: 'stop' } });
    // Whatever is created from here on waits.
    await until('no worker to be left', async () => {
      const { pending_action } = await world.expect(200, { method: 'GET', path: '/workers/' });
      return pending_action === null ? true : null;
    });
    world.savedSteps = { job: await world.savedStep('job'), project: await world.savedStep('project') };
    world.exported = { job: await world.exportOf('job'), project: await world.exportOf('project') };
    world.open = { job: await world.openJob(), project: await world.openProject() };
    world.unstartedProjectId = await world.project();
    world.downloadId = await world.download();
    world.sweepId = await world.sweep();
    world.keyId = await world.key();
    world.notificationTargetId = await world.notificationTarget();
    world.notificationDeliveryId = await world.notificationDelivery(world.notificationTargetId);
    return world;
  }

  async remove(): Promise<void> {
    await this.#remove();
    await this.servers.remove();
  }

  async send({ method, path, id, body, form, headers }: Sent): Promise<Answer> {
    const response = await fetchWhenDone(this.#url(path, id), {
      method,
      headers: {
        Authorization: `Bearer ${KEY}`,
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...headers,
      },
      ...(form ? { body: formOf(form) } : body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const type = (response.headers.get('Content-Type') ?? '').split(';')[0] ?? '';
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      type,
      body: type === 'application/json' ? JSON.parse(text) : text,
    };
  }

  /** Sends a request's head, and nothing of the body that it announces. */
  begin({ method, path, id, form }: Sent, headers: Record<string, string>): Promise<Answer> {
    const type = form ? 'multipart/form-data; boundary=x' : 'application/json';
    return new Promise((resolve, reject) => {
      const asked = request(this.#url(path, id), {
        method,
        agent: false,
        headers: { Authorization: `Bearer ${KEY}`, 'Content-Type': type, ...headers },
      });
      asked.once('response', async (response) => {
        const body = await json(response);
        const answer = { status: response.statusCode ?? 0, headers: new Headers(), type: 'application/json', body };
        asked.destroy();
        resolve(answer);
      });
      asked.once('error', reject);
      asked.flushHeaders();
    });
  }

  async upload(): Promise<number> {
    const form = { name: 'rows', file: csvRows(40) };
    return Number((await this.expect(201, { method: 'POST', path: '/datasets/', form })).id);
  }

  /** A job whose run waits or runs. */
  async openJob({ model = TINY_MODEL, type = 'qlora' } = {}): Promise<number> {
    const chosen = { model_name: model, training_type: type, epochs: 1, max_length: 64, chunk_tokens: 100 };
    const body = { name: 'j', dataset_id: this.datasetId, ...chosen };
    return Number((await this.expect(201, { method: 'POST', path: '/jobs/', body })).id);
  }

  /** A project that was never started. */
  async project(model = TINY_MODEL, type = 'qlora'): Promise<number> {
    const traits = [{ trait_type: 'coding', datasets: [{ dataset_id: this.datasetId, percentage: 100 }] }];
    const chosen = { base_model: model, training_type: type, epochs: 1, max_length: 64, chunk_tokens: 100 };
    const body = { name: 'p', output_directory: 'out', traits, ...chosen };
    return Number((await this.expect(201, { method: 'POST', path: '/projects/', body })).id);
  }

  async openProject({ model = TINY_MODEL, type = 'qlora' } = {}): Promise<number> {
    const id = await this.project(model, type);
    await this.expect(200, { method: 'POST', path: '/projects/{id}/start', id });
    return id;
  }

  /** An export of what is completed, once it is there. */
  async savedStep(owner: 'job' | 'project'): Promise<number> {
    const path = `/${owner}s/${this.completed[owner]}/checkpoints`;
    const { items } = await this.expect(200, { method: 'GET', path });
    const [newest] = items as { step: number }[];
    assert.ok(newest, `${path} has one`);
    return newest.step;
  }

  async exportOf(owner: 'job' | 'project'): Promise<number> {
    const path = `/${owner}s/${this.completed[owner]}/exports`;
    const { id } = await this.expect(201, { method: 'POST', path, body: { quantization: 'q8_0' } });
    await until(`${path}/${id} to be completed`, async () => {
      const { status, error_message } = await this.expect(200, { method: 'GET', path: `${path}/${id}` });
      assert.notEqual(status, 'failed', String(error_message));
      return status === 'completed' ? true : null;
    });
    return Number(id);
  }

  /** The download of another model each time. */
  async download(): Promise<number> {
    const body = { name: `org/${randomUUID()}` };
    return Number((await this.expect(201, { method: 'POST', path: '/models/', body })).id);
  }

  /** A key of the database that nobody has used. */
  async key(name: string = randomUUID()): Promise<number> {
    const body = { name: `key ${name}`, role: 'viewer' };
    return Number((await this.expect(201, { method: 'POST', path: '/keys/', body })).id);
  }

  /** A webhook at an address where nobody listens. */
  async notificationTarget(name: string = randomUUID()): Promise<number> {
    const body = { kind: 'webhook', name: `target ${name}`, url: 'http://127.0.0.1:1/', events: ['disk.low'] };
    return Number((await this.expect(201, { method: 'POST', path: '/notification-targets/', body })).id);
  }

  async notificationDelivery(targetId: number): Promise<number> {
    const sent = { method: 'POST', path: '/notification-targets/{id}/test', id: targetId };
    return Number((await this.expect(200, sent)).id);
  }

  async sweep(): Promise<number> {
    const body = sweepOf(this.datasetId);
    return Number((await this.expect(201, { method: 'POST', path: '/sweeps/', body })).id);
  }

  async cancelled(owner: 'job' | 'project'): Promise<number> {
    const id = owner === 'job' ? await this.openJob() : await this.openProject();
    await this.expect(200, { method: 'POST', path: `/${owner}s/{id}/cancel`, id });
    return id;
  }

  async expect(status: number, sent: Sent): Promise<Record<string, unknown>> {
    const answer = await this.send(sent);
    assert.equal(answer.status, status, `${sent.method} ${sent.path}: ${JSON.stringify(answer.body)}`);
    return answer.body as Record<string, unknown>;
  }

  #url(path: string, id: number | string | undefined): string {
    return `${this.service.apiUrl}/api/v1${path.replace('{id}', String(id))}`;
  }
}

/** A sweep as it is asked for. */
export function sweepOf(dataset_id: number) {
  const hyperparameters = { learning_rate: [0.001, 0.002] };
  return { name: 's', job: { dataset_id, model_name: TINY_MODEL }, search: { method: 'grid', hyperparameters } };
}

function formOf({ name, file }: { name: string; file?: string }): FormData {
  const form = new FormData();
  form.set('name', name);
  if (file !== undefined) form.set('file', new Blob([file]), 'rows.csv');
  return form;
}
