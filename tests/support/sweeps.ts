import assert from 'node:assert/strict';
import type { z } from 'zod';
import type { SweepSchema } from '../../src/api/sweeps/schema.ts';
import type { SweepRun } from '../../src/models/sweeps/sweep-runs.ts';
import { type ApiClient, until } from './service.ts';

export type Sweep = z.infer<typeof SweepSchema>;

/** A busy machine of two cores takes a minute for eight runs. */
const PATIENCE_MS = 240_000;

/** A run that is held at step 10, with its losses by step. */
export const sweepRun = (
  owner_id: number,
  losses: Record<number, number>,
  others: Partial<SweepRun> = {},
): SweepRun => ({
  owner_id,
  name: `run ${owner_id}`,
  settings: { lora_r: owner_id },
  run_id: 100 + owner_id,
  status: 'queued',
  phase: 'paused',
  progress: 50,
  current_step: 10,
  total_steps: 40,
  hold_step: 10,
  pause_reason: null,
  error_message: null,
  priority: 2,
  not_before: null,
  after_job_id: null,
  after_project_id: null,
  workflow_id: `job-${owner_id}-run-1`,
  admitted_at: null,
  losses: Object.entries(losses).map(([step, loss]) => ({ step: Number(step), loss })),
  validated: null,
  ...others,
});

/** What tests do with sweeps of a service. */
export function sweepsOf({ call }: Pick<ApiClient, 'call'>) {
  const get = async (id: number) => (await call('GET', `/sweeps/${id}`)).body as unknown as Sweep;
  const reached = async (what: string, id: number, is: (sweep: Sweep) => boolean): Promise<Sweep> => {
    let last: Sweep | undefined;
    const look = async () => {
      last = await get(id);
      return is(last) ? last : null;
    };
    return await until(`sweep ${id}: ${what}`, look, PATIENCE_MS).catch((error: Error) => {
      const runs = last?.runs.map((run) => [run.job_id ?? run.project_id, run.status, run.phase, run.current_step]);
      throw new Error(`${error.message}; ${JSON.stringify({ status: last?.status, rungs: last?.rungs_done, runs })}`);
    });
  };
  return {
    get,
    reached,
    async create(asked: object): Promise<Sweep> {
      const { status, body } = await call('POST', '/sweeps/', asked);
      assert.equal(status, 201, JSON.stringify(body));
      return body as unknown as Sweep;
    },
    ended: (id: number) => reached('its end', id, ({ status }) => !['running', 'paused'].includes(status)),
  };
}
