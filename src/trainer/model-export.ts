import { z } from 'zod';
import { killGroup, startPython } from './python-process.ts';
import { followTold } from './told.ts';

const count = z.int().min(0);

/** How an exported file compares with the model that it was made from, on rows that were held out. */
export const VerificationSchema = z.object({
  rows: count,
  answers: z.object({ asked: count, equal: count, nearly: count }),
  /** Mean losses in nats a token; null where something else was found before they were measured. */
  loss: z.object({ model: z.number(), exported: z.number(), difference: z.number(), tokens: count }).nullable(),
  most_difference: z.number(),
});
export type Verification = z.infer<typeof VerificationSchema>;

/** What a push came to: where it is, and which files the repository did not have as they are here, or had beside them. */
export const PushedSchema = z.object({
  url: z.string(),
  commit: z.string(),
  sent: z.array(z.string()),
  removed: z.array(z.string()),
});
export type Pushed = z.infer<typeof PushedSchema>;

const ResultSchema = z.object({
  files: z.array(z.object({ path: z.string(), bytes: count, sha256: z.string() })),
  /** Null where there is nothing to compare: the files are the model's own. */
  verification: VerificationSchema.nullable(),
  warnings: z.array(z.string()),
  pushed: PushedSchema.nullable(),
});
export type ExportResult = z.infer<typeof ResultSchema>;

export const EXPORT_STAGES = ['merging', 'converting', 'quantising', 'verifying', 'pushing'] as const;
export type ExportStage = (typeof EXPORT_STAGES)[number];

const EventSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('stage'),
    stage: z.enum(EXPORT_STAGES),
    progress: z.number().min(0).max(1),
  }),
  // Of a base that is stored in fewer bits than 16, while it is written out.
  z.object({ type: z.literal('phase') }),
  z.object({ type: z.literal('log') }),
  z.object({
    type: z.literal('failed'),
    /** As trainer/platform/failures.py has it. */
    kind: z.string(),
    message: z.string(),
    verification: VerificationSchema.nullable(),
    /** What a hub asks for; null where it asks for nothing. */
    retry_after_s: count.nullable(),
  }),
  ResultSchema.extend({ type: z.literal('done') }),
]);

/** What trainer/export_model.py tells. */
export type ExportEvent = z.infer<typeof EventSchema>;
export type ExportDone = Extract<ExportEvent, { type: 'done' }>;
export type ExportFailure = Extract<ExportEvent, { type: 'failed' }>;

export interface ExporterOptions {
  python: string;
  /** The folder with the packages of trainer/requirements-exports.txt; null where none of them is needed. */
  packages: string | null;
  runFile: string;
  /** Of this export alone; what it publishes lies in its folder `export`. */
  work: string;
  /** What its files are called by. */
  name: string;
  /** The format, and what it is asked for with. */
  wanted: { format: string } & Record<string, unknown>;
  hubEndpoint: string;
  isHubOffline: boolean;
  logFile: string;
  onEvent: (event: ExportEvent) => void;
}

export interface Exporter {
  ended: Promise<ExportDone | ExportFailure>;
  /** At once. The stages that it finished stay. */
  kill(): void;
}

/** Starts to export a model, from behind the last stage that an earlier start finished. */
export async function startExporter(options: ExporterOptions): Promise<Exporter> {
  const { python, packages, runFile, work, name, wanted, hubEndpoint, isHubOffline, logFile, onEvent } = options;
  const child = await startPython({
    python,
    module: 'trainer.export_model',
    arguments: [runFile, '--work', work, '--name', name, '--wanted', JSON.stringify(wanted)],
    logFile,
    hasEvents: true,
    environment: {
      HF_ENDPOINT: hubEndpoint,
      HF_HUB_OFFLINE: isHubOffline ? '1' : '0',
      ...(packages === null ? {} : { PYTHONPATH: packages }),
    },
  });
  const ended = followTold(child, EventSchema, logFile, 'The program that exports the model', onEvent).then((last) => {
    if (typeof last === 'string') {
      return { type: 'failed', kind: 'crash', message: last, verification: null, retry_after_s: null } as const;
    }
    if (last.type === 'failed' || last.type === 'done') return last;
    throw new Error(`An exporter that ends with ${last.type}.`);
  });
  return { ended, kill: () => killGroup(child.pid) };
}
