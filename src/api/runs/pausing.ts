import type { z } from 'zod';
import { pauseLatest } from '../../commands/runs/actions.ts';
import { nameOf, type RunOwner } from '../../commands/runs/owners.ts';
import type { Orchestration } from '../../commands/workflows/client.ts';
import type { Endpoints } from '../http/endpoint.ts';
import { IdParams } from '../http/shared-schema.ts';

/** Pause and resume of a job or project. `show` gives it as it is then, in the shape of `schema`. */
export function addPausing(
  endpoints: Endpoints,
  orchestration: Orchestration,
  {
    kind,
    tag,
    schema,
    show,
  }: { kind: RunOwner['kind']; tag: string; schema: z.ZodType; show: (id: number) => Promise<unknown> },
): void {
  for (const [action, summary, description] of [
    [
      'pause',
      `Pause a ${kind}: it saves, gives its worker back, and waits until it is resumed`,
      `The ${kind}, paused or about to`,
    ],
    ['resume', `Let a paused ${kind} go on, from its last checkpoint`, `The ${kind}, going on`],
  ] as const) {
    endpoints.add({
      method: 'post',
      path: `/${kind}s/{id}/${action}`,
      role: 'trainer',
      summary,
      tag,
      params: IdParams,
      success: { status: 200, description, schema },
      errors: { 400: `It cannot be ${action}d now`, 404: `${nameOf(kind)} not found` },
      handle: async ({ params: { id } }) => {
        await pauseLatest({ kind, id }, action === 'pause', orchestration);
        return await show(id);
      },
    });
  }
}
