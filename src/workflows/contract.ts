import { defineUpdate } from '@temporalio/workflow';

/** Names, queues and payloads that workflows, activities and clients agree on. Payloads carry ids, never data. */

export const ORCHESTRATION_QUEUE = 'orchestration';
/** Of the orchestrator as well, with slots of its own: who pauses a run does not wait for the data of others. */
export const DATA_QUEUE = 'data';
export const TRAINING_QUEUE = 'training';
/** Of the orchestrator as well: runs wait there for their turn, for hours or weeks. */
export const LINE_QUEUE = 'line';

/** Times of activities that take moments. The second is what passes until one is done again that could not say that it was. */
export const LIGHT = { startToCloseTimeout: '1 minute', heartbeatTimeout: '10s' } as const;

/** Between attempts, unless failing.ts says another time; it also ends what has failed for too long. */
export const RETRY = { initialInterval: '1s', maximumInterval: '30s', backoffCoefficient: 2 } as const;

/** The queue that only the agent of this host listens to. */
export function hostQueue(host: string): string {
  return `host-${host}`;
}

export const WORKER_POOL_ID = 'worker-pool';

export interface TrainingInput {
  runId: number;
  /** How long a silent worker is believed alive before its run is given to another. */
  heartbeatTimeoutMs: number;
  /** A pause begins a new history after so many events; Temporal's own suggestion and a number of ours when it is missing. */
  mostHistoryEvents?: number;
  /** Of a run whose pause had made the history before this one long. */
  paused?: PausedBefore;
}

/** What a pause hands on to the next history. */
export interface PausedBefore {
  because: PauseCause;
  reason: string;
  lookAfterMs: number;
}

/** The result of a run's workflow, as the Temporal Web UI shows it. Workflows of earlier versions end with the first two. */
export interface TrainingOutcome {
  status: 'completed' | 'failed' | 'cancelled';
  message: string | null;
  verdict?: string | null;
  outputPath?: string | null;
  weightsSha256?: string | null;
  /** Why attempts ended before their stage was done, each a sentence with its time. */
  interruptions?: string[];
}

export interface RunRef {
  runId: number;
}

export interface PauseInput extends RunRef {
  /** A sentence for the user; null lets the run go on. Written where the row says one of `from`; without that, whatever it says. */
  reason: string | null;
  from?: (string | null)[];
}

/** A run is paused since somebody asked for it, until they resume it; or for a full disk, until there is room. */
export type PauseCause = 'asked' | 'full_disk';

/** Why a run is paused, as it says: its user asked for it; its sweep does not let it go on yet; or its sweep compares it with others. */
export const PAUSE_WAS_ASKED = 'It was asked for. Resume it to go on.';
export const PAUSE_FOR_TURN = 'Its sweep lets it go on by itself, when its turn comes.';
export const PAUSE_AT_RUNG = 'Its sweep holds it here until the others are as far, and compares them.';
/** Pauses that the sweep of a run ends: it never ends one that somebody asked for, nor takes one for its own. */
export const PAUSES_OF_SWEEP: (string | null)[] = [PAUSE_AT_RUNG, PAUSE_FOR_TURN];

/** An activity found no room for what it writes. */
export interface FullDisk {
  to: 'full_disk';
  /** A sentence for the user. */
  message: string;
}

/** Why an activity ended before its work was done, without having failed. */
export type GaveWay = { to: 'pause' } | { to: 'hold' } | { to: 'line' } | FullDisk;

/** The base model of a run is not there, and comes in: the run waits for that download. */
export interface ModelComes {
  to: 'download';
  downloadId: number;
}

export interface FinishInput extends RunRef {
  outcome: 'completed' | 'failed' | 'cancelled';
  errorClass?: string;
  message?: string;
}

/** What the workflow shows of a run in the Temporal Web UI. */
export interface RunDisplay {
  status: string;
  workerId: string | null;
  /** Markdown. */
  details: string;
}

export interface DownloadRef {
  downloadId: number;
}

export interface SweepRef {
  sweepId: number;
}

/** How a sweep stands after its runs were compared. */
export interface SweepJudgement {
  status: 'running' | 'paused' | 'completed' | 'failed' | 'cancelled';
  /** For the Temporal Web UI, in Markdown. */
  sentence: string;
}

export interface DownloadInput extends DownloadRef {
  name: string;
  revision: string;
  host: string;
  /** After so long without a sign of it, its host is believed dead, and the download goes on by another attempt. */
  heartbeatTimeoutMs: number;
}

/** How the work on a download ended. A paused one has no workflow until it is resumed. */
export interface DownloadEnd {
  status: 'completed' | 'paused' | 'cancelled' | 'failed';
  /** A sentence for the Temporal Web UI. */
  message: string;
}

export interface ExportRef {
  exportId: number;
}

export interface ExportInput extends ExportRef {
  /** Which makes it: any that is there will do. */
  host: string;
  /** After so long without a sign of it, its host is believed dead, and another attempt goes on. */
  heartbeatTimeoutMs: number;
}

/** How the work on an export ended. */
export interface ExportEnd {
  status: 'completed' | 'failed' | 'deleted';
  /** A sentence for the Temporal Web UI. */
  message: string;
}

/** What runs on the queue `orchestration`. */
export interface OrchestrationActivities {
  prepareData(input: RunRef): Promise<{ trainRows: number; heldOutRows: number } | FullDisk>;
  verifyModel(input: RunRef): Promise<{ path: string } | ModelComes>;
  awaitDownload(input: RunRef & DownloadRef): Promise<GaveWay | null>;
  /** Earlier versions return nothing, and at once. */
  queueRun(input: RunRef): Promise<GaveWay | null>;
  /** Whether the row says so now. Earlier versions return nothing, and have written it. */
  setPause(input: PauseInput): Promise<boolean | undefined>;
  /** Histories of earlier versions say true, and not why. */
  isPaused(input: RunRef): Promise<PauseCause | boolean>;
  hasRoom(input: RunRef): Promise<boolean>;
  finishRun(input: FinishInput): Promise<TrainingOutcome>;
  describeRun(input: RunRef): Promise<RunDisplay>;
  planPoolStart(input: { count: number }): Promise<HostShare[]>;
  planPoolStop(): Promise<HostShare[]>;
  planPoolRestart(): Promise<Replacement[]>;
  planPoolBalance(): Promise<PoolBalance>;
  cancelDownload(input: DownloadRef): Promise<void>;
  gatherRuns(input: SweepRef): Promise<void>;
  judgeRuns(input: SweepRef): Promise<SweepJudgement>;
  cancelSweep(input: SweepRef): Promise<void>;
  abandonExport(input: ExportRef): Promise<void>;
}

/** What runs on the queue `training`, one at a time per worker. */
export interface TrainingActivities {
  trainModel(input: RunRef): Promise<GaveWay | null>;
  validateModel(input: RunRef): Promise<GaveWay | null>;
}

/** What runs on the queue of one host. */
export interface HostActivities {
  startWorkers(input: { workerIds: string[] }): Promise<void>;
  stopWorkers(input: { workerIds: string[] }): Promise<void>;
  replaceWorker(input: Omit<Replacement, 'host'>): Promise<void>;
  checkOutput(input: RunRef): Promise<unknown>;
  downloadModel(input: DownloadRef): Promise<DownloadEnd>;
  makeExport(input: ExportRef): Promise<ExportEnd>;
}

/** Workers of the pool that one host is to start or stop. */
export interface HostShare {
  host: string;
  workerIds: string[];
}

/** A worker of a host that is to end, and the one that takes its place. */
export interface Replacement {
  host: string;
  workerId: string;
  replacementId: string;
}

/** What is to change so that the pool is as the configuration wants it. */
export interface PoolBalance {
  stop: HostShare[];
  start: HostShare[];
}

/** What the pool hands on when its history has become long. */
export interface PoolInput {
  /** It begins a new history after so many events; Temporal's own suggestion when it is missing. */
  mostHistoryEvents?: number;
}

/** Types of failures that no retry can mend; the workflow ends with their message, where nothing else is said. */
export const FAILURE_TYPES = {
  badInput: 'BadInput',
  modelUnavailable: 'ModelUnavailable',
  trainerFailed: 'TrainerFailed',
  outOfMemory: 'OutOfMemory',
  diskFull: 'DiskFull',
  validationFailed: 'ValidationFailed',
  /** The database does not know of a stage that was done: it was restored from a backup. The run goes back to that stage. */
  stageForgotten: 'StageForgotten',
  runEnded: 'RunEnded',
  /** The exported file is not its model, or cannot be made. */
  exportFailed: 'ExportFailed',
  /** What may be mended was tried for too long. */
  gaveUp: 'GaveUp',
  poolRefused: 'PoolRefused',
  workerStartFailed: 'WorkerStartFailed',
} as const;

/** To a run's workflow. Answered once it is written; a worker that trains the run saves and lets it go a little later. */
export const pauseRunUpdate = defineUpdate<void, []>('pause');
export const resumeRunUpdate = defineUpdate<void, []>('resume');
/** The same by the run's sweep, which holds a run that goes on, and releases one that it holds. What somebody paused stays so. */
export const holdRunUpdate = defineUpdate<void, []>('hold');
export const releaseRunUpdate = defineUpdate<void, []>('release');

export const startWorkersUpdate = defineUpdate<void, [{ count: number }]>('start');
export const stopWorkersUpdate = defineUpdate<void, []>('stop');
/** One worker after another. */
export const restartWorkersUpdate = defineUpdate<void, []>('restart-one-by-one');
/** All at once, as an API of an earlier version asks for it; stored histories have it too. */
export const restartAtOnceUpdate = defineUpdate<void, []>('restart');
/** Look whether there are too many workers, or too few for the runs that wait. */
export const balanceWorkersUpdate = defineUpdate<void, []>('balance');
