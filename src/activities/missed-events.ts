import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { exists } from '../files.ts';
import type { Lease } from '../models/lease.ts';
import {
  countSteps,
  markCheckpoint,
  recordMissedCheckpoint,
  recordMissedQuarantine,
  recordMissedSteps,
} from '../models/run-progress.ts';
import { type StepEvent, TrainerEventSchema } from '../trainer/protocol.ts';

const BATCH = 500;

/**
 * Writes the steps and checkpoints up to `untilStep`, and which checkpoints were put aside or removed, where earlier claims
 * could not report it: the database was away when their lease ended (or is an older copy of itself now). The trainer keeps
 * all it tells in `<eventsDir>/e<epoch>.jsonl`. Only what is missing is written.
 */
export async function recordMissed(lease: Lease, eventsDir: string, untilStep: number): Promise<void> {
  const hasAllSteps = (await countSteps(lease.runId, untilStep)) === untilStep;
  for (const epoch of await earlierEpochs(eventsDir, lease.epoch)) {
    let steps: StepEvent[] = [];
    for await (const line of createInterface({ input: createReadStream(join(eventsDir, `e${epoch}.jsonl`)) })) {
      const event = parse(line);
      if (event?.type === 'quarantined') await recordMissedQuarantine(lease, event);
      if (event?.type === 'pruned') await markCheckpoint(lease, event.path, 'pruned');
      // Checkpoints are put aside before anything is trained: the rest of a file of gigabytes need not be read for them.
      if (hasAllSteps && event?.type === 'plan') break;
      if (!event || !('step' in event) || event.step > untilStep) continue;
      if (event.type === 'step') steps.push(event);
      if (event.type === 'checkpoint' && (await exists(event.path))) await recordMissedCheckpoint(lease, epoch, event);
      if (steps.length < BATCH) continue;
      await recordMissedSteps(lease, steps);
      steps = [];
    }
    await recordMissedSteps(lease, steps);
  }
}

/** Newest first: where two claims did the same step, the later one's weights are those that live on. */
async function earlierEpochs(eventsDir: string, before: number): Promise<number[]> {
  const names = await readdir(eventsDir).catch(() => []);
  const epochs = names.flatMap((name) => Number(/^e(\d+)\.jsonl$/.exec(name)?.[1] ?? []));
  return epochs.filter((epoch) => epoch < before).sort((a, b) => b - a);
}

/** Null for a line that its writer was killed in, or that another version wrote. */
function parse(line: string) {
  try {
    return TrainerEventSchema.safeParse(JSON.parse(line)).data ?? null;
  } catch {
    return null;
  }
}
