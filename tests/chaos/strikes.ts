import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { isFinal, type RunStatus } from '../../src/models/runs/statuses.ts';
import { processStart } from '../../src/platform/process-identity.ts';
import type { OutsideServer } from '../support/servers.ts';
import { until } from '../support/service.ts';
import { trainersOf, warmProcessOf } from '../support/trainers.ts';
import type { Target } from './faults.ts';
import { completeCheckpoints, tear } from './tear.ts';
import { DISK_SIZE } from './world.ts';

/** A fault that has found what it hits. */
export interface Strike {
  inject(): Promise<void>;
  /** Returns when what was broken from outside is whole again. What the service must mend itself is not waited for. */
  heal(): Promise<void>;
  /** Whether it came to that, of one that waits for an opportunity. Asked once it has healed; not there: it did. */
  struck?(): boolean;
}

const nothing = async () => {};
const HELD = ['loading', 'training', 'exporting', 'validating'];

/** A signal to a process that was seen a moment ago; one that has ended meanwhile is as good as hit. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

export async function untilGone(pid: number): Promise<void> {
  await until(`process ${pid} to be gone`, async () => ((await processStart(pid)) === null ? true : null));
}

async function trainerOf({ world, run }: Target): Promise<number | null> {
  const found = await trainersOf(world.service.env.home);
  return found.find(({ runId }) => runId === run.runId)?.pid ?? null;
}

/** The process of the worker that holds the run, as long as it does. */
export async function workerOf({ world, run }: Target): Promise<number | null> {
  const seen = world.watch.seen(run.runId);
  if (seen?.status !== 'running' || !HELD.includes(seen.phase)) return null;
  return (await world.workers()).find(({ id }) => id === seen.workerId)?.pid ?? null;
}

export async function killTrainer(target: Target): Promise<Strike | null> {
  const pid = await trainerOf(target);
  return pid === null ? null : { inject: async () => signal(pid, 'SIGKILL'), heal: nothing };
}

/** With the trainer that is a copy of it, if there is one by then; and while it makes one, if there is not. */
export async function killWarmProcess(target: Target): Promise<Strike | null> {
  const worker = await workerOf(target);
  const pid = worker === null ? null : await warmProcessOf(worker);
  return pid === null ? null : { inject: async () => signal(pid, 'SIGKILL'), heal: nothing };
}

export async function signalWorker(target: Target, name: NodeJS.Signals): Promise<Strike | null> {
  const pid = await workerOf(target);
  return pid === null ? null : { inject: async () => signal(pid, name), heal: nothing };
}

export async function stopWorker(target: Target): Promise<Strike | null> {
  const pid = await workerOf(target);
  if (pid === null) return null;
  const { world, run } = target;
  const epoch = world.watch.seen(run.runId)?.leaseEpoch ?? 0;
  return {
    inject: async () => signal(pid, 'SIGSTOP'),
    heal: async () => {
      try {
        await until('another worker to have the run', async () => {
          const seen = world.watch.seen(run.runId);
          return seen && (seen.leaseEpoch > epoch || seen.status !== 'running') ? true : null;
        });
      } finally {
        signal(pid, 'SIGCONT');
      }
    },
  };
}

/** SIGSTOP of the trainer alone: its worker, its lease and its heartbeats are well. */
export async function hangTrainer(target: Target): Promise<Strike | null> {
  if (target.world.watch.seen(target.run.runId)?.phase !== 'training') return null;
  const pid = await trainerOf(target);
  return pid === null ? null : { inject: async () => signal(pid, 'SIGSTOP'), heal: nothing };
}

/** Only where another checkpoint is complete: a run whose only checkpoint is torn ends, and says so. */
export async function tearCheckpoint(target: Target): Promise<Strike | null> {
  const pid = await trainerOf(target);
  const root = join(target.world.service.env.home, 'runs', String(target.run.runId), 'checkpoints');
  if (pid === null || (await completeCheckpoints(root)).length < 2) return null;
  return {
    inject: async () => {
      signal(pid, 'SIGKILL');
      await untilGone(pid);
      const [newest, older] = await completeCheckpoints(root);
      if (!newest || !older) return;
      target.world.damaged.add(target.run.runId);
      await tear(newest, target.dice);
    },
    heal: nothing,
  };
}

export async function killHost({ world, run, dice }: Target): Promise<Strike | null> {
  const workerId = world.watch.seen(run.runId)?.workerId ?? null;
  const hosts = await world.query<{ agent_pid: number; name: string; has_run: boolean }>(
    `SELECT name, agent_pid, name = (SELECT host FROM workers WHERE id = $1) AS has_run FROM hosts ORDER BY name`,
    [workerId],
  );
  const host = hosts.find(({ has_run }) => has_run) ?? hosts[dice % hosts.length];
  if (!host) return null;
  return {
    inject: async () => {
      signal(host.agent_pid, 'SIGKILL');
      await untilGone(host.agent_pid);
    },
    heal: async () => {
      await until(`the agent of ${host.name} to be back`, async () => {
        const [now] = await world.query<{ agent_pid: number }>('SELECT agent_pid FROM hosts WHERE name = $1', [
          host.name,
        ]);
        return now?.agent_pid === host.agent_pid ? null : true;
      });
    },
  };
}

export async function killPart({ world }: Target, command: 'api' | 'orchestrator'): Promise<Strike | null> {
  const pid = await world.processOf(command);
  if (pid === null) return null;
  return {
    inject: async () => {
      signal(pid, 'SIGKILL');
      await untilGone(pid);
    },
    heal: async () => {
      await until(`the ${command} to be back`, () => world.processOf(command));
      await until('the service to be healthy', async () => ((await world.isHealthy()) ? true : null));
    },
  };
}

export function killServers(servers: OutsideServer[]): Strike {
  return {
    inject: async () => {
      for (const server of servers) await server.kill();
    },
    heal: async () => {
      for (const server of servers) await server.start();
    },
  };
}

export function takeAway(servers: OutsideServer[], seconds: number): Strike {
  return {
    inject: async () => {
      await Promise.all(servers.map((server) => server.stop()));
    },
    heal: async () => {
      await after(seconds * 1_000);
      for (const server of servers) await server.start();
    },
  };
}

/**
 * Returns when the run that it was aimed at is paused, as it must be by itself. One that gets through its training with
 * what room there was (a checkpoint that was removed, say) is over it as well: outputs lie elsewhere.
 */
export async function fillDisk(target: Target): Promise<Strike | null> {
  const { world, run, dice } = target;
  if (!world.disk || world.watch.seen(run.runId)?.phase !== 'training') return null;
  const { disk } = world;
  return {
    inject: () => disk.fill(),
    heal: async () => {
      try {
        await until(`${run.workflowId} to be paused, since the disk is full`, async () => {
          const seen = world.watch.seen(run.runId);
          const isOver = seen?.phase === 'paused' || seen?.phase === 'exporting' || seen?.isTrained;
          return isOver || isFinal(seen?.status as RunStatus) ? true : null;
        });
        // So that it reaches others as well.
        await after((dice % 4) * 1_000);
      } finally {
        await disk.resize(DISK_SIZE);
      }
    },
  };
}
