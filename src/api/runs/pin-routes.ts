import { findRun } from '../../commands/runs/owners.ts';
import { pinCheckpoint, pinExport } from '../../commands/storage/pin-part.ts';
import { pinRun } from '../../commands/storage/pin-run.ts';
import type { Env } from '../../platform/env.ts';
import type { Endpoints } from '../http/endpoint.ts';
import { IdParams, integerParam } from '../http/shared-schema.ts';
import { PinRequest, PinSchema } from '../storage/schema.ts';
import { ExportParams, ExportSchema } from './export-schema.ts';
import { presentCheckpoint } from './present.ts';
import { presentExport } from './present-export.ts';
import type { RunsOfKind } from './runs-of-kind.ts';
import { CheckpointSchema, RunQuery } from './schema.ts';

const StepParams = IdParams.extend({ step: integerParam(0, 2_147_483_647) });

/** Nothing of a pinned run is removed by a policy; nor is a checkpoint or an export that is pinned by itself. */
export function addRunPin(endpoints: Endpoints, { kind, path, common, errors }: RunsOfKind, env: Env): void {
  const pinning = { ...common, method: 'post', role: 'trainer', query: RunQuery, body: PinRequest } as const;

  endpoints.add({
    ...pinning,
    path: `${path}/pin`,
    summary: 'Keep what a run has, its checkpoints and exports, from every policy, or no longer',
    success: { status: 200, description: 'Whether it is pinned now', schema: PinSchema },
    errors,
    handle: async ({ params: { id }, query, body: { pinned } }) => {
      const run = await findRun({ kind, id }, query.run);
      return { run_number: run.number, pinned, removed_before: await pinRun(run, pinned) };
    },
  });

  endpoints.add({
    ...pinning,
    path: `${path}/checkpoints/{step}/pin`,
    params: StepParams,
    summary: 'Keep a checkpoint from its trainer, also while it trains, and from every policy, or no longer',
    success: { status: 200, description: 'The checkpoint', schema: CheckpointSchema },
    errors: {
      ...errors,
      404: `No such ${kind} or run, or it saved no checkpoint at this step`,
      409: 'The checkpoint was removed before',
    },
    handle: async ({ params: { id, step }, query, body: { pinned } }) =>
      presentCheckpoint(await pinCheckpoint(env, await findRun({ kind, id }, query.run), step, pinned)),
  });

  endpoints.add({
    ...pinning,
    path: `${path}/exports/{export_id}/pin`,
    params: ExportParams,
    summary: 'Keep the files of an export from every policy, or no longer',
    success: { status: 200, description: 'The export', schema: ExportSchema },
    errors: {
      ...errors,
      400: 'It has no files here, since it was pushed to a hub',
      404: `No such ${kind} or run, or no such export of it`,
    },
    handle: async ({ params: { id, export_id }, query, body: { pinned } }) => {
      const run = await findRun({ kind, id }, query.run);
      return await presentExport(run, await pinExport(run, export_id, pinned));
    },
  });
}
