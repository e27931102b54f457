import { setTimeout as after } from 'node:timers/promises';
import type { Run } from '../../models/runs/run.ts';
import { knownCheckpointStep } from '../../models/runs/run-progress.ts';
import type { Env } from '../../platform/env.ts';
import { TransientError } from '../../platform/failure.ts';
import { exists } from '../../platform/files.ts';
import { StoreError } from '../../platform/object-store/store-error.ts';
import type { CheckpointName } from '../../runs/checkpoints-here.ts';
import { type RunStore, runStoreOf } from '../../runs/run-store.ts';
import type { Delivery } from './event-delivery.ts';
import { GivenCheckpoints } from './given-checkpoints.ts';
import { PatientGiving } from './patient-giving.ts';
import { takeBesides, takeRun } from './take-run.ts';
import type { Hold } from './under-lease.ts';

const GIVE_LOG_EVERY_MS = 30_000;

type Task = 'train' | 'validate';

/** What a claim of a run has to do with the store, where hosts have no common folder; without a store it does nothing. */
export interface StoredWork {
  /** The step of the newest checkpoint that must be found. */
  knownStep(): Promise<number | null>;
  /** Something that the trainer told is in the database. */
  recorded(delivery: Delivery): Promise<void>;
  /** The work is done: gives the model that it made or looked at. @throws TransientError where the store does not have it */
  done(output: string): Promise<void>;
  /** The work has ended, however it did. @param graceMs what is left for what waits, once its worker is stopping */
  ended(graceMs: number): Promise<void>;
}

/** Brings what another host has of the run, and gives what this one makes of it. */
export async function beginStored(env: Env, run: Run, hold: Hold, task: Task): Promise<StoredWork> {
  const store = runStoreOf(env, run);
  if (store === null) return onCommonDisk(run);
  const logSize = await store.logSize(task);
  const patient = new PatientGiving(store, hold);
  const given = new GivenCheckpoints(store, hold, patient);
  if (task === 'train') for (const one of await takeRun(env, run, store, hold)) await given.saved(one);
  else await takeModel(env, run, store, hold);
  const { epoch } = hold;
  let givingLog: Promise<void> | null = null;
  // A convenience, of which nothing is said while the store is away.
  const giveLog = () => {
    givingLog ??= store
      .giveLog(task, epoch, logSize)
      .catch(ifOfTheStore)
      .finally(() => {
        givingLog = null;
      });
    return givingLog;
  };
  // At the end it is given again, and what is wrong with it is heard.
  const timer = setInterval(() => void giveLog().catch(() => {}), GIVE_LOG_EVERY_MS);
  return {
    knownStep: () => knownCheckpointStep(run.id, 'in the store'),
    recorded: async (delivery) => {
      if (Array.isArray(delivery)) return;
      if (delivery.type === 'checkpoint') await given.saved({ epoch, step: delivery.step });
      const pruned = delivery.type === 'pruned' ? checkpointIn(delivery.path) : null;
      if (pruned) given.pruned(pruned);
    },
    done: async (output) => {
      await given.done();
      const isThere = await patient.give(async (signal) => {
        await store.giveTold(epoch);
        if (task === 'validate') await store.giveReport();
        // Of a model that is of no use there may be nothing.
        if (await exists(output)) await store.giveOutput(output, signal);
      });
      if (isThere) return;
      hold.requireInForce();
      throw new TransientError(`The model could not be given to the store ${store.address}.`);
    },
    ended: async (graceMs) => {
      clearInterval(timer);
      const isStopping = hold.stop.reason === 'worker_stopping';
      const all = given.done().then(giveLog);
      await (isStopping ? Promise.race([all, after(graceMs, undefined, { ref: false })]) : all);
    },
  };
}

function onCommonDisk(run: Run): StoredWork {
  return {
    knownStep: () => knownCheckpointStep(run.id),
    recorded: async () => {},
    done: async () => {},
    ended: async () => {},
  };
}

async function takeModel(env: Env, run: Run, store: RunStore, hold: Hold): Promise<void> {
  await takeBesides(env, run, store);
  if (run.result) await store.takeOutput(run.result.staging_path);
  await store.noteClaim('validate', hold.epoch, null);
}

function ifOfTheStore(error: unknown): void {
  if (!(error instanceof StoreError)) throw error;
}

function checkpointIn(path: string): CheckpointName | null {
  const [, epoch, step] = /\/e(\d+)\/checkpoint-(\d+)$/.exec(path) ?? [];
  return step === undefined ? null : { epoch: Number(epoch), step: Number(step) };
}
