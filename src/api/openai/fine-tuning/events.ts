import type { z } from 'zod';
import { checkpointNameOf, type FoundJob, modelNameOf } from '../../../commands/openai/fine-tuning-jobs.ts';
import { type JobEntry, readJobEntries } from '../../../models/openai/job-events.ts';
import { NotFoundError } from '../../../platform/failure.ts';
import { presentList, seconds } from '../lists.ts';
import type { EventListSchema } from './schema.ts';

type Event = z.input<typeof EventListSchema>['data'][number];
type Said = Pick<Event, 'message'> & Partial<Pick<Event, 'level' | 'type' | 'data'>>;

/**
 * `ftevent-42` tells of entry 42 of the database, and `ftevent-42-1` of it as well, before; `ftevent-job7` and `ftevent-job7-1` tell of the
 * seventh fine-tuning job what no entry tells.
 */
const ID = /^ftevent-(?:(\d{1,15})|job(\d{1,15}))(?:-\d)?$/;

/**
 * A page of what has happened to a fine-tuning job, newest first, in the order and about in the words that users of that API know.
 * @throws NotFoundError for an `after` that is none of its events
 */
export async function eventsOf(found: FoundJob, { after, limit }: { after?: string | undefined; limit: number }) {
  const [, last, ofJob] = after === undefined ? [] : (ID.exec(after) ?? []);
  const isBeforeAllEntries = Number(ofJob) === Number(found.asked.seq);
  if (after !== undefined && last === undefined && !isBeforeAllEntries)
    throw new NotFoundError(`after is ${JSON.stringify(after)}, which is no event of this job.`);
  const from = last === undefined ? null : Number(last);
  // One entry for `after` itself, and one more to know whether there are more.
  const most = limit + 2;
  const entries = found.job === null || isBeforeAllEntries ? [] : await readJobEntries(found.job.id, from, most);
  const events = entries.flatMap((entry) => told(entry.seq, entry.created_at, ofEntry(entry, found)));
  // Without an end of the entries, none of the first events can be on this page.
  if (entries.length < most) events.push(...told(`job${found.asked.seq}`, found.asked.created_at, beginning(found)));
  // One that has happened again meanwhile stands further up: what is left is older.
  const place = events.findIndex(({ id }) => id === after);
  return presentList(events.slice(place + 1), limit);
}

/** Newest first. */
function told(of: number | string, at: Date, said: Said[]): Event[] {
  return said.map((each, index) => ({
    id: `ftevent-${of}${index === 0 ? '' : `-${index}`}`,
    object: 'fine_tuning.job.event',
    created_at: seconds(at),
    level: 'info',
    type: 'message',
    data: {},
    ...each,
  }));
}

function beginning({ asked }: FoundJob): Said[] {
  const validation = asked.validation_file === null ? '' : ` and validation file: ${asked.validation_file}`;
  const said = [
    { message: `Validating training file: ${asked.training_file}${validation}` },
    { message: `Created fine-tuning job: ${asked.id}` },
  ];
  if (asked.error === null) return said;
  return [{ level: 'error', message: asked.error.message, data: { ...asked.error } }, ...said];
}

/** What an entry tells, newest first. */
function ofEntry({ kind, data, total_steps, error_message }: JobEntry, { asked }: FoundJob): Said[] {
  switch (kind) {
    case 'step':
      return [ofStep(data, total_steps)];
    case 'checkpoint': {
      const name = checkpointNameOf(asked, Number(data.step));
      return [{ message: `Checkpoint created at step ${data.step} with Snapshot ID: ${name}` }];
    }
    case 'status':
      return ofStatus(data.status, error_message, modelNameOf(asked));
    default:
      return [{ level: 'warn', message: String(data.message ?? data.sentence ?? kind) }];
  }
}

function ofStep({ step, loss, eval_loss }: Record<string, unknown>, totalSteps: number | null): Said {
  const heldOut = typeof eval_loss === 'number' ? eval_loss : null;
  const [train, valid] = [loss, heldOut].map((value) => (typeof value === 'number' ? value.toFixed(2) : null));
  return {
    type: 'metrics',
    message: `Step ${step}/${totalSteps ?? '?'}: training loss=${train ?? 'none'}${valid === null ? '' : `, validation loss=${valid}`}`,
    data: { step, total_steps: totalSteps, train_loss: loss, ...(heldOut === null ? {} : { valid_loss: heldOut }) },
  };
}

function ofStatus(status: unknown, why: string | null, model: string): Said[] {
  switch (status) {
    case 'queued':
      return [{ message: 'Files validated, moving job to queued state' }];
    case 'running':
      return [{ message: 'Fine-tuning job started' }];
    case 'completed':
      return [{ message: 'The job has successfully completed' }, { message: `New fine-tuned model created: ${model}` }];
    case 'cancelled':
      return [{ level: 'warn', message: 'The job was cancelled' }];
    default:
      return [{ level: 'error', message: why === null ? 'The job failed' : `The job failed: ${why}` }];
  }
}
