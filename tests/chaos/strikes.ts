import { open, readdir, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { processStart } from '../../src/workers/process-identity.ts';
import type { OutsideServer } from '../support/servers.ts';
import { until } from '../support/service.ts';
import { trainersOf } from '../support/trainers.ts';
import type { Target } from './faults.ts';

/** A fault that has found what it hits. */
export interface Strike {
  inject(): Promise<void>;
  /** Returns when what was broken from outside is whole again. What the service must mend itself is not waited for. */
  heal(): Promise<void>;
}

const nothing = async () => {};
const HELD = ['loading', 'training', 'exporting', 'validating'];

/** A signal to a process that was seen a moment ago; one that has ended meanwhile is as good as hit. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

async function untilGone(pid: number): Promise<void> {
  await until(`process ${pid} to be gone`, async () => ((await processStart(pid)) === null ? true : null));
}

async function trainerOf({ world, run }: Target): Promise<number | null> {
  const found = await trainersOf(world.service.env.home);
  return found.find(({ runId }) => runId === run.runId)?.pid ?? null;
}

/** The process of the worker that holds the run, as long as it does. */
async function workerOf({ world, run }: Target): Promise<number | null> {
  const seen = world.watch.seen(run.runId);
  if (seen?.status !== 'running' || !HELD.includes(seen.phase)) return null;
  return (await world.workers()).find(({ id }) => id === seen.workerId)?.pid ?? null;
}

export async function killTrainer(target: Target): Promise<Strike | null> {
  const pid = await trainerOf(target);
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
      if (newest && older) await tear(newest, target.dice);
    },
    heal: nothing,
  };
}

/** Directories of checkpoints with a manifest, newest first. */
async function completeCheckpoints(root: string): Promise<string[]> {
  const found = await readdir(root, { recursive: true }).catch(() => []);
  return found
    .flatMap((path) => {
      const [, directory, epoch, step] = /^(e(\d+)\/checkpoint-(\d+))\/manifest\.json$/.exec(path) ?? [];
      return directory ? [{ path: join(root, directory), epoch: Number(epoch), step: Number(step) }] : [];
    })
    .sort((a, b) => b.epoch - a.epoch || b.step - a.step)
    .map(({ path }) => path);
}

/** As a disk that lied, or a hand that slipped: one file of the checkpoint is not what was saved. */
async function tear(checkpoint: string, dice: number): Promise<void> {
  const names = (await readdir(checkpoint)).sort();
  const path = join(checkpoint, names[dice % names.length] ?? 'manifest.json');
  const { size } = await stat(path);
  const ways = [
    async () => await truncate(path, Math.floor(size / 2)),
    async () => await rm(path),
    async () => {
      const file = await open(path, 'r+');
      const place = Math.floor(size / 3);
      const byte = Buffer.alloc(1);
      await file.read(byte, 0, 1, place);
      byte.writeUInt8((byte.readUInt8() ^ 0xff) & 0xff);
      await file.write(byte, 0, 1, place);
      await file.close();
    },
  ];
  await ways[Math.floor(dice / 100) % ways.length]?.();
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

export function cancel({ world, run }: Target, times: number): Strike {
  return {
    inject: async () => {
      const path = `/${run.owner}s/${run.ownerId}/cancel`;
      world.cancels.set(run.runId, 'asked');
      const answers = await Promise.all(
        Array.from({ length: times }, (_, n) =>
          world.persist('POST', path, undefined, `cancel ${run.workflowId} ${n}`),
        ),
      );
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
