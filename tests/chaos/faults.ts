import type { Plannable, When } from './schedule.ts';
import type { Strike } from './strikes.ts';
import * as strikes from './strikes.ts';
import * as user from './user-strikes.ts';
import type { ChaosWorld, Submitted } from './world.ts';

/** What a fault is aimed at. */
export interface Target {
  world: ChaosWorld;
  run: Submitted;
  /** 0 to 9999, from the schedule: for choices of the fault's own. */
  dice: number;
}

/**
 * holder: ends whoever works on the run, and only that. service: hits every run that is under way; one at a time. disk: the
 * same, and counts from its healing, since nothing is to happen before; so does pause. user: a person ends the run.
 */
export type Kind = 'holder' | 'service' | 'disk' | 'pause' | 'user';

export interface Fault extends Plannable {
  does: string;
  kind: Kind;
  /** Finds what to hit; null while there is nothing, to be asked again. */
  aim(target: Target): Promise<Strike | null>;
}

const ANY_TIME: readonly When[] = ['created', 'queued', 'loading', 'step', 'step', 'step', 'exporting', 'validating'];
const WHILE_HELD: readonly When[] = ['loading', 'step', 'step', 'step', 'step', 'exporting', 'validating'];
const IN_TRAINING: readonly When[] = ['step'];

/** How long a server is away: sometimes shorter, sometimes longer than a lease. */
const secondsOf = ({ dice }: Target) => 2 + (dice % 8);

/** Only where there is the right to mount a disk. */
export const FULL_DISK = 'full disk';

export const FAULTS: readonly Fault[] = [
  {
    name: 'kill trainer',
    does: 'SIGKILL of the trainer',
    kind: 'holder',
    moments: WHILE_HELD,
    crashesTrainer: true,
    aim: strikes.killTrainer,
  },
  {
    name: 'kill worker',
    does: 'SIGKILL of the training worker that holds the run',
    kind: 'holder',
    weight: 3,
    moments: WHILE_HELD,
    aim: (target) => strikes.signalWorker(target, 'SIGKILL'),
  },
  {
    name: 'reclaim worker',
    does: 'SIGTERM of the training worker that holds the run, as of a machine that is taken back',
    kind: 'holder',
    moments: WHILE_HELD,
    aim: (target) => strikes.signalWorker(target, 'SIGTERM'),
  },
  {
    name: 'stop worker',
    does: 'SIGSTOP of the training worker until another has the run, then SIGCONT',
    kind: 'holder',
    moments: WHILE_HELD,
    aim: strikes.stopWorker,
  },
  {
    name: 'hang trainer',
    does: 'SIGSTOP of the trainer alone: it hangs, and its worker is well',
    kind: 'holder',
    moments: IN_TRAINING,
    crashesTrainer: true,
    aim: strikes.hangTrainer,
  },
  {
    name: 'torn checkpoint',
    does: 'SIGKILL of the trainer, and bytes changed, cut off or removed in its newest checkpoint',
    kind: 'holder',
    moments: IN_TRAINING,
    crashesTrainer: true,
    aim: strikes.tearCheckpoint,
  },
  {
    name: 'kill host agent',
    does: 'SIGKILL of the agent of the host that has the run, or of another',
    kind: 'service',
    moments: ANY_TIME,
    aim: strikes.killHost,
  },
  {
    name: 'kill API',
    does: 'SIGKILL of the API',
    kind: 'service',
    moments: ANY_TIME,
    aim: (target) => strikes.killPart(target, 'api'),
  },
  {
    name: 'kill orchestrator',
    does: 'SIGKILL of the orchestrator',
    kind: 'service',
    moments: ANY_TIME,
    aim: (target) => strikes.killPart(target, 'orchestrator'),
  },
  {
    name: 'kill Temporal',
    does: 'SIGKILL of the Temporal server, started again at once',
    kind: 'service',
    moments: ANY_TIME,
    aim: async ({ world: { servers } }) => strikes.killServers([servers.temporal]),
  },
  {
    name: 'kill PostgreSQL',
    does: 'SIGKILL of PostgreSQL, started again at once',
    kind: 'service',
    moments: ANY_TIME,
    aim: async ({ world: { servers } }) => strikes.killServers([servers.postgres]),
  },
  {
    name: 'Temporal away',
    does: 'Temporal is away for 2 to 9 seconds',
    kind: 'service',
    moments: ANY_TIME,
    aim: async (target) => strikes.takeAway([target.world.servers.temporal], secondsOf(target)),
  },
  {
    name: 'PostgreSQL away',
    does: 'PostgreSQL is away for 2 to 9 seconds',
    kind: 'service',
    moments: ANY_TIME,
    aim: async (target) => strikes.takeAway([target.world.servers.postgres], secondsOf(target)),
  },
  {
    name: 'both away',
    does: 'PostgreSQL and Temporal are away for 2 to 9 seconds, and come back in this or the other order',
    kind: 'service',
    moments: ANY_TIME,
    aim: async (target) => {
      const { postgres, temporal } = target.world.servers;
      return strikes.takeAway(target.dice % 2 ? [postgres, temporal] : [temporal, postgres], secondsOf(target));
    },
  },
  {
    name: FULL_DISK,
    does: 'the disk of the runs is full: it pauses the run, and goes on by itself (time from when there is room)',
    kind: 'disk',
    moments: IN_TRAINING,
    aim: strikes.fillDisk,
  },
  {
    name: 'pause',
    does: 'pause and resume, at once or when it holds no worker any more (time from the resume)',
    kind: 'pause',
    moments: ANY_TIME,
    aim: async (target) => user.pause(target),
  },
  {
    name: 'cancel while paused',
    does: 'pause, and a cancel instead of a resume',
    kind: 'user',
    moments: ANY_TIME,
    ends: true,
    aim: async (target) => user.cancelWhilePaused(target),
  },
  {
    name: 'cancel',
    does: 'cancel, in any phase',
    kind: 'user',
    moments: ANY_TIME,
    ends: true,
    aim: async (target) => user.cancel(target, 1),
  },
  {
    name: 'cancel twice',
    does: 'two cancels at once',
    kind: 'user',
    moments: ANY_TIME,
    ends: true,
    aim: async (target) => user.cancel(target, 2),
  },
  {
    name: 'cancel while dead',
    does: 'SIGKILL of the worker that holds the run, and a cancel before anybody else has it',
    kind: 'user',
    moments: WHILE_HELD,
    ends: true,
    aim: user.cancelWhileDead,
  },
];

/** @throws Error that lists the faults there are */
export function faultOf(name: string): Fault {
  const fault = FAULTS.find((candidate) => candidate.name === name);
  if (!fault) throw new Error(`There is no fault ${name}; there are ${FAULTS.map((f) => f.name).join(', ')}.`);
  return fault;
}
