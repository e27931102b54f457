import assert from 'node:assert/strict';
import { type TestService, TINY_MODEL, until } from './service.ts';

/** Enough steps that a test can act in the middle. */
export const LONG_JOB = { batch_size: 2, epochs: 2, save_steps: 20, lora_r: 4, max_length: 64 };

/** A busy machine of two cores trains these jobs in half a minute, and a slow one in three times that. */
const PATIENCE_MS = 240_000;

type Body = Record<string, unknown>;

/** What tests do with jobs of a service, all of one dataset. */
export function jobsOf(service: Pick<TestService, 'call' | 'apiUrl'>, datasetId: number) {
  const get = async (id: number): Promise<Body> => (await service.call('GET', `/jobs/${id}`)).body;
  const reached = async (what: string, id: number, is: (body: Body) => boolean) => {
    let last: Body = {};
    const look = async () => {
      last = await get(id);
      return is(last) ? last : null;
    };
    return await until(`job ${id}: ${what}`, look, PATIENCE_MS).catch((error: Error) => {
      const { status, phase, current_step, pause_reason, error_message } = last;
      throw new Error(
        `${error.message}; ${JSON.stringify({ status, phase, current_step, pause_reason, error_message })}`,
      );
    });
  };
  return {
    get,
    reached,
    async create(options: Body = {}): Promise<number> {
      const job = { name: 'job', dataset_id: datasetId, model_name: TINY_MODEL, ...LONG_JOB, ...options };
      const { status, body } = await service.call('POST', '/jobs/', job);
      assert.equal(status, 201, JSON.stringify(body));
      return Number(body.id);
    },
    /** POST /jobs/{id}/{action} */
    act: (id: number, action: string) => service.call('POST', `/jobs/${id}/${action}`),
    ended: (id: number) =>
      reached('its end', id, ({ status }) => ['completed', 'failed', 'cancelled'].includes(String(status))),
    atStep: (id: number, step: number) => reached(`step ${step}`, id, (body) => Number(body.current_step) >= step),
    paused: (id: number) => reached('paused', id, ({ phase }) => phase === 'paused'),
    /** The stream of its events until now, as text. */
    eventsOf: async (id: number) => await (await fetch(`${service.apiUrl}/api/v1/jobs/${id}/events`)).text(),
  };
}

/** The steps that events of this kind tell of, in a stream as text. */
export function stepsIn(events: string, kind: string): number[] {
  return [...events.matchAll(new RegExp(`event: ${kind}\\ndata: {.*?"step": ?(\\d+)`, 'g'))].map(([, step]) =>
    Number(step),
  );
}

export type Jobs = ReturnType<typeof jobsOf>;

/** Fails with what the job said unless it completed with these weights. */
export function assertWeights(done: Body, undisturbed: Body): void {
  assert.equal(done.status, 'completed', String(done.error_message));
  assert.equal(done.weights_sha256, undisturbed.weights_sha256);
}
