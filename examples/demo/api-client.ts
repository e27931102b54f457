import { openAsBlob } from 'node:fs';
import { basename } from 'node:path';
import { z } from 'zod';
import { WorkerPoolSchema } from '../../src/api/pool/schema.ts';
import { ProjectSchema } from '../../src/api/projects/schema.ts';
import { ValidationResultSchema } from '../../src/trainer/results.ts';

const DatasetIdSchema = z.object({ id: z.int(), row_count: z.int(), usable_row_count: z.int() });
const WatchedProjectSchema = ProjectSchema.extend({ validation: ValidationResultSchema.nullable() });
export type WatchedProject = z.output<typeof WatchedProjectSchema>;

/** The requests of the demo, as a user's script would make them. Every answer but success is thrown with its detail. */
export class ApiClient {
  readonly #base: string;
  readonly #headers: Record<string, string>;

  constructor(apiUrl: string, apiKey: string | undefined) {
    this.#base = `${apiUrl}/api/v1`;
    this.#headers = apiKey ? { Authorization: `Bearer ${apiKey}` } : {};
  }

  async uploadDataset(path: string): Promise<z.output<typeof DatasetIdSchema>> {
    const form = new FormData();
    form.set('file', await openAsBlob(path), basename(path));
    form.set('name', basename(path));
    return DatasetIdSchema.parse(await this.#request('POST', '/datasets/', form));
  }

  async createProject(project: Record<string, unknown>): Promise<number> {
    return DatasetIdSchema.pick({ id: true }).parse(await this.#request('POST', '/projects/', project)).id;
  }

  async startProject(id: number): Promise<void> {
    await this.#request('POST', `/projects/${id}/start`);
  }

  async project(id: number): Promise<WatchedProject> {
    return WatchedProjectSchema.parse(await this.#request('GET', `/projects/${id}`));
  }

  async workers(): Promise<z.output<typeof WorkerPoolSchema>> {
    return WorkerPoolSchema.parse(await this.#request('GET', '/workers/'));
  }

  async startWorkers(count: number): Promise<void> {
    await this.#request('POST', '/workers/', { action: 'start', worker_count: count });
  }

  async #request(method: string, path: string, body?: FormData | Record<string, unknown>): Promise<unknown> {
    const json = body !== undefined && !(body instanceof FormData);
    const response = await fetch(this.#base + path, {
      method,
      headers: { ...this.#headers, ...(json ? { 'Content-Type': 'application/json' } : {}) },
      ...(body === undefined ? {} : { body: json ? JSON.stringify(body) : body }),
    });
    const answer: unknown = await response.json();
    if (!response.ok)
      throw new Error(`${method} ${path} was refused with ${response.status}: ${JSON.stringify(answer)}`);
    return answer;
  }
}
