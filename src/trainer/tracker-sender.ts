import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { TransientError } from '../platform/failure.ts';
import { killGroup, startPython } from './python-process.ts';

/** The figures of one step, as a tracker is told them. */
export interface SentStep {
  step: number;
  at_ms: number;
  figures: Record<string, number>;
}

/** A held-out loss; `trait` null: over all. */
export interface SentEval {
  seq: number;
  at_ms: number;
  step: number;
  trait: string | null;
  loss: number;
}

/** What a tracker gets about a run before its figures. */
export interface SentRun {
  /** What it is known by, in this tracker, for ever. */
  token: string;
  name: string;
  started_at_ms: number;
  params: Record<string, string | number | boolean | null>;
  tags: Record<string, string>;
  /** Of wandb alone: what its user wants there. Not there: the project of this service. */
  wandb?: { project: string; entity: string | null; tags: string[] };
}

/** And after them. */
export interface SentEnd {
  status: 'FINISHED' | 'FAILED' | 'KILLED';
  at_ms: number;
  last_step: number;
  /** Figures of the report. */
  summary: Record<string, number>;
  tags: Record<string, string>;
  /** Where the model lies, by its name: it stays there. */
  artifacts: Record<string, string>;
}

const EventSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('opened'), external_id: z.string(), address: z.string().nullable() }),
  z.object({ type: z.literal('delivered') }),
  z.object({ type: z.literal('failed'), message: z.string() }),
]);
type SenderEvent = z.infer<typeof EventSchema>;

/** What a tracker says, as a sentence, where it does not take what it is sent. */
export class TrackerTrouble extends TransientError {}

export interface Sender {
  /** The tracker has the run from now on, once, however often this is asked. */
  open(run: SentRun): Promise<{ externalId: string; address: string | null }>;
  /** Returns when the tracker has them; those that it had before stay as they are. */
  send(rows: { steps: SentStep[]; evals: SentEval[] }): Promise<void>;
  /** Nothing follows. */
  close(end: SentEnd): Promise<void>;
  /** At once; what the tracker has it keeps. */
  kill(): void;
}

/**
 * Starts a process that speaks to one tracker through its own client, by a line for each of the requests above.
 * @param environment where the tracker is, and the keys to it: they are in no argument and no line
 */
export async function startSender(options: {
  python: string;
  tracker: string;
  environment: Record<string, string>;
  logFile: string;
}): Promise<Sender> {
  const { python, tracker, environment, logFile } = options;
  await mkdir(dirname(logFile), { recursive: true });
  const child = await startPython({
    python,
    module: 'trainer.send_figures',
    arguments: [tracker],
    logFile,
    hasEvents: true,
    environment,
  });
  child.stdin.on('error', () => {});
  if (!child.events) throw new Error('The sender has no events.');
  const lines = createInterface({ input: child.events })[Symbol.asyncIterator]();
  const ask = async (request: object): Promise<SenderEvent> => {
    child.stdin.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await lines.next();
    if (done)
      throw new TrackerTrouble(`The program that sends to ${tracker} ended without a word; ${logFile} says more.`);
    const event = EventSchema.parse(JSON.parse(value));
    if (event.type === 'failed') throw new TrackerTrouble(event.message);
    return event;
  };
  return {
    open: async (run) => {
      const event = await ask({ type: 'open', ...run });
      if (event.type !== 'opened') throw new Error(`A sender that opens with ${event.type}.`);
      return { externalId: event.external_id, address: event.address };
    },
    send: async (rows) => void (await ask({ type: 'rows', ...rows })),
    close: async (end) => void (await ask({ type: 'close', ...end })),
    kill: () => killGroup(child.pid),
  };
}
