import { randomUUID } from 'node:crypto';
import { isFinal, type RunStatus } from '../../src/models/runs/statuses.ts';
import { until } from '../support/service.ts';
import type { Target } from './faults.ts';
import { type Strike, signalWorker } from './strikes.ts';

const nothing = async () => {};

export function cancel(target: Target, times: number): Strike {
  const { world, run } = target;
  return {
    inject: async () => {
      world.cancels.set(run.runId, 'asked');
      const answers = await Promise.all(Array.from({ length: times }, () => ask(target, 'cancel')));
      if (answers.some(({ status }) => status === 200)) world.cancels.set(run.runId, 'acknowledged');
    },
    heal: nothing,
  };
}

export async function cancelWhileDead(target: Target): Promise<Strike | null> {
  const death = await signalWorker(target, 'SIGKILL');
  if (!death) return null;
  const asked = cancel(target, 1);
  return {
    inject: async () => {
      await death.inject();
      await asked.inject();
    },
    heal: nothing,
  };
}

/** Resumed once it holds no worker, or at once: before anybody has obeyed. */
export function pause(target: Target): Strike {
  const { world, run, dice } = target;
  return {
    inject: async () => {
      await ask(target, 'pause');
      if (dice % 3 > 0) await untilPaused(target);
    },
    heal: async () => {
      const { status, body } = await ask(target, 'resume');
      const ended = status === 400 && world.watch.seen(run.runId)?.phase !== 'paused';
      if (status !== 200 && !ended) throw new Error(`${run.workflowId} was not resumed: ${JSON.stringify(body)}`);
    },
  };
}

export function cancelWhilePaused(target: Target): Strike {
  const asked = cancel(target, 1);
  return {
    inject: async () => {
      await ask(target, 'pause');
      await untilPaused(target);
      await asked.inject();
    },
    heal: nothing,
  };
}

async function ask({ world, run }: Target, action: string) {
  return await world.api.persist('POST', `/${run.owner}s/${run.ownerId}/${action}`, undefined, randomUUID());
}

async function untilPaused({ world, run }: Target): Promise<void> {
  await until(`${run.workflowId} to be paused`, async () => {
    const seen = world.watch.seen(run.runId);
    return seen && (seen.phase === 'paused' || isFinal(seen.status as RunStatus)) ? true : null;
  });
}
