import * as edges from './edge-strikes.ts';
import * as files from './file-strikes.ts';
import { putLink } from './link-strike.ts';
import { queueMany } from './long-queue.ts';
import { breakPython } from './python-strike.ts';
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
  /** Of a sweep: the file call that it is about. */
  site?: string;
}

/**
 * holder: ends whoever works on the run, and only that. service: hits every run that is under way; one at a time. disk: the
 * same, and counts from its healing, since nothing is to happen before; so does pause. own: hits that run alone, whose holder
 * may go on. user: a person ends the run, or what a person did.
 */
export type Kind = 'holder' | 'service' | 'disk' | 'pause' | 'own' | 'user';

export interface Fault extends Plannable {
  does: string;
  kind: Kind;
  /** Left out where the world has none: a disk that can be mounted, a C compiler for files-shim.c. */
  needs?: 'disk' | 'files';
  /** Finds what to hit; null while there is nothing, to be asked again. */
  aim(target: Target): Promise<Strike | null>;
}

const ANY_TIME: readonly When[] = ['created', 'queued', 'loading', 'step', 'step', 'step', 'exporting', 'validating'];
const WHILE_HELD: readonly When[] = ['loading', 'step', 'step', 'step', 'step', 'exporting', 'validating'];
const IN_TRAINING: readonly When[] = ['step'];

/** How long a server is away: sometimes shorter, sometimes longer than a lease. */
const secondsOf = ({ dice }: Target) => 2 + (dice % 8);

/** A run with this fault is also created while answers to COMMITs are lost. */
export const LOST_COMMIT = 'lost COMMIT';

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
    name: 'kill warm process',
    does: 'SIGKILL of the process that trainers are copies of: before, while or after it makes one',
    kind: 'holder',
    moments: [...WHILE_HELD, 'loading', 'loading'],
    crashesTrainer: true,
    aim: strikes.killWarmProcess,
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
    name: 'full disk',
    needs: 'disk',
    does: 'the disk of the runs is full: it pauses the run, and goes on by itself (time from when there is room)',
    kind: 'disk',
    moments: IN_TRAINING,
    aim: strikes.fillDisk,
  },
  {
    name: LOST_COMMIT,
    does: 'answers to COMMITs are lost on their way from PostgreSQL: as the run is created, and while a file is uploaded',
    kind: 'service',
    moments: ANY_TIME,
    aim: async (target) => edges.loseCommits(target),
  },
  {
    name: 'stop at file call',
    does: 'SIGSTOP of the worker and its trainer right before a file call, until another has the run, then SIGCONT',
    kind: 'own',
    needs: 'files',
    moments: WHILE_HELD,
    // A trainer that is stopped may be taken for one that hangs.
    crashesTrainer: true,
    aim: (target) => (target.site === undefined ? files.stopAtFileCall(target) : files.stopAtSite(target, target.site)),
  },
  {
    name: 'stop orchestrator at file call',
    does: 'the same of the orchestrator, while another one does its work, for 33 or 65 seconds',
    kind: 'service',
    needs: 'files',
    moments: ['created', 'queued', 'exporting', 'validating', 'validating'],
    aim: files.stopOrchestratorAtFileCall,
  },
  {
    name: 'file errors',
    does: 'EIO, EMFILE or ESTALE from one to three file calls of the worker or its trainer',
    kind: 'own',
    needs: 'files',
    moments: WHILE_HELD,
    aim: files.failFileCalls,
  },
  {
    name: 'file errors of service',
    does: 'the same from file calls of the orchestrator and of the API, while a file is uploaded',
    kind: 'service',
    needs: 'files',
    moments: ANY_TIME,
    aim: files.failFileCallsOfService,
  },
  {
    name: 'power loss',
    does: 'SIGKILL of everything, servers too, and what was not synced of our files is lost',
    kind: 'service',
    needs: 'files',
    moments: ANY_TIME,
    aim: files.losePower,
  },
  {
    name: 'second start',
    does: 'SIGSTOP of every process of the service, and a second start on the same home; then SIGCONT',
    kind: 'service',
    moments: ANY_TIME,
    aim: async (target) => edges.startAgain(target),
  },
  {
    name: 'unusable Python',
    does: "SIGKILL of the worker, and the trainer's Python is gone or is none, until the run says so (time from when it is back)",
    kind: 'disk',
    moments: WHILE_HELD,
    aim: breakPython,
  },
  {
    name: 'long queue',
    does: '20,000 runs are queued, half of them paused before the others, half behind them, for 10 seconds',
    kind: 'service',
    moments: ANY_TIME,
    aim: async (target) => queueMany(target),
  },
  {
    name: 'link for a folder',
    does: "the run's folder, its checkpoints' or its output directory is a link to elsewhere: it ends, with a sentence",
    kind: 'user',
    moments: ['queued', 'loading', 'step', 'step', 'validating'],
    ends: true,
    aim: putLink,
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
