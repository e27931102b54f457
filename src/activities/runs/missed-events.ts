import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Lease } from '../../models/runs/lease.ts';
import {
  areRecorded,
  recordMissedCheckpoint,
  recordMissedEval,
  recordMissedQuarantine,
  recordMissedSteps,
  type StepsOfClaim,
} from '../../models/runs/missed-progress.ts';
import { markCheckpoint } from '../../models/runs/run-progress.ts';
import { exists, ifThere } from '../../platform/files.ts';
import { eventIn, type StepEvent, type TrainerEvent } from '../../trainer/protocol.ts';

const BATCH = 500;

/**
 * Writes the steps, evaluations and checkpoints up to `untilStep`, and which checkpoints were put aside or removed, where earlier claims
 * could not report it: the database was away when their lease ended (or is an older copy of itself now). The trainer keeps
 * all it tells in `<eventsDir>/e<epoch>.jsonl`. Only what is missing is written, in the order in which it was trained.
 */
export async function recordMissed(lease: Lease, eventsDir: string, untilStep: number): Promise<void> {
  const epochs = await earlierEpochs(eventsDir, lease.epoch);
  const lasting = await lastingSteps(eventsDir, epochs, untilStep);
  for (const epoch of epochs) {
    const part = lasting.get(epoch);
    const isRecorded = !part || (await areRecorded(lease.runId, part));
    let steps: StepEvent[] = [];
    for await (const event of readEvents(eventsDir, epoch)) {
      if (event.type === 'quarantined') await recordMissedQuarantine(lease, event);
      if (event.type === 'pruned') await markCheckpoint(lease, event.path, 'pruned');
      // Checkpoints are put aside before anything is trained: the rest of a file of gigabytes need not be read for them.
      if (isRecorded && event.type === 'plan') break;
      if (!('step' in event) || event.step > untilStep) continue;
      if (event.type === 'checkpoint' && (await exists(event.path))) await recordMissedCheckpoint(lease, epoch, event);
      if (event.type === 'eval' && part && isOf(part, event.step)) {
        // Its step may be among those that are still to be written.
        await recordMissedSteps(lease, epoch, steps);
        steps = [];
        await recordMissedEval(lease, epoch, event);
      }
      if (event.type === 'step' && part && event.step >= part.from && event.step <= part.to) steps.push(event);
      if (steps.length < BATCH) continue;
      await recordMissedSteps(lease, epoch, steps);
      steps = [];
    }
    await recordMissedSteps(lease, epoch, steps);
  }
}

/** Whoever did the first step measured the base before it, as step 0. */
function isOf({ from, to }: StepsOfClaim, evaluated: number): boolean {
  return evaluated >= (from === 1 ? 0 : from) && evaluated <= to;
}

/**
 * By claim, the steps of it from which the run goes on: up to where the next claim that trained began, since what came
 * after that was done again.
 */
async function lastingSteps(
  eventsDir: string,
  epochs: number[],
  untilStep: number,
): Promise<Map<number, StepsOfClaim>> {
  const lasting = new Map<number, StepsOfClaim>();
  let to = untilStep;
  for (const epoch of epochs.toReversed()) {
    const from = await firstStep(eventsDir, epoch);
    if (from === null || from > to) continue;
    lasting.set(epoch, { epoch, from, to });
    to = from - 1;
  }
  return lasting;
}

/** Null when this claim trained nothing. */
async function firstStep(eventsDir: string, epoch: number): Promise<number | null> {
  for await (const event of readEvents(eventsDir, epoch)) if (event.type === 'step') return event.step;
  return null;
}

/** Oldest first. */
async function earlierEpochs(eventsDir: string, before: number): Promise<number[]> {
  const names = (await ifThere(readdir(eventsDir))) ?? [];
  const epochs = names.flatMap((name) => Number(/^e(\d+)\.jsonl$/.exec(name)?.[1] ?? []));
  return epochs.filter((epoch) => epoch < before).sort((a, b) => a - b);
}

async function* readEvents(eventsDir: string, epoch: number): AsyncGenerator<TrainerEvent> {
  const file = createReadStream(join(eventsDir, `e${epoch}.jsonl`));
  try {
    for await (const line of createInterface({ input: file })) {
      const event = parse(line);
      if (event) yield event;
    }
  } finally {
    // A reader that has seen enough leaves the rest unread, and the file open.
    file.destroy();
  }
}

/** Null for a line that its writer was killed in, or that another version wrote. */
function parse(line: string) {
  try {
    return eventIn(line);
  } catch {
    return null;
  }
}
