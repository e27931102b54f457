import { createHash } from 'node:crypto';
import type { Context } from 'koa';
import { Op } from 'sequelize';
import type { z } from 'zod';
import { createFineTuningJob } from '../../../commands/openai/create-fine-tuning-job.ts';
import { type FoundJob, findFineTuningJob, withJobs } from '../../../commands/openai/fine-tuning-jobs.ts';
import { ensureResultFile } from '../../../commands/openai/result-file.ts';
import { cancelLatest, pauseLatest, WrongStateError } from '../../../commands/runs/actions.ts';
import { readTrainedTokens } from '../../../models/openai/job-events.ts';
import { havingMetadata, METHODS, type Method, OpenAiJob } from '../../../models/openai/openai-job.ts';
import { TrainingConfig } from '../../../models/settings/training-config.ts';
import { UserError } from '../../../platform/failure.ts';
import type { ApiDependencies } from '../../http/declaration.ts';
import type { Endpoints } from '../../http/endpoint.ts';
import { ApiError } from '../../http/errors.ts';
import { presentList } from '../lists.ts';
import { checkpointsOf } from './checkpoints.ts';
import { eventsOf } from './events.ts';
import { wandbAskedBy } from './integrations.ts';
import { presentJob } from './present.ts';
import {
  CheckpointListQuery,
  CheckpointListSchema,
  EventListQuery,
  EventListSchema,
  JobCreate,
  JobListQuery,
  JobListSchema,
  JobParams,
  JobSchema,
} from './schema.ts';

const tag = 'Fine-tuning';
const path = '/fine_tuning/jobs';
const ONE = `${path}/{job_id}`;
const GONE = { 404: 'No such fine-tuning job' };

export function addFineTuning(endpoints: Endpoints, { env, orchestration }: ApiDependencies): void {
  const presentAll = async (found: FoundJob[]) => {
    for (const each of found) await ensureResultFile(each, env);
    const config = await TrainingConfig.current();
    // Shown at the end alone: clients ask for a job that trains again and again, and all its steps are read for them.
    const completed = found.flatMap(({ job }) => (job?.latestRun?.status === 'completed' ? job.latestRun.id : []));
    const tokens = await readTrainedTokens(completed);
    return found.map((each) => presentJob(each, { config, tokens: tokens.get(each.job?.latestRun?.id ?? 0) }));
  };
  const present = async (found: FoundJob) => {
    const [shown] = await presentAll([found]);
    if (!shown) throw new Error('Each job that is found is shown.');
    return shown;
  };

  endpoints.add({
    method: 'post',
    path,
    role: 'trainer',
    summary: 'Create a fine-tuning job; it is a job like any other',
    tag,
    body: JobCreate,
    success: { status: 200, description: 'The job', schema: JobSchema },
    errors: { 400: 'A file, the model or a parameter cannot be used' },
    handle: async ({ body, ctx }) => {
      const asked = await createFineTuningJob(askedBy(body), {
        env,
        fingerprint: fingerprintOf(ctx, body),
        isRetry: /^[1-9]\d*$/.test(ctx.get('x-stainless-retry-count')),
      });
      return await present(await findFineTuningJob(asked.id));
    },
  });

  endpoints.add({
    method: 'get',
    path,
    role: 'viewer',
    summary: 'List fine-tuning jobs, newest first',
    tag,
    query: JobListQuery,
    success: { status: 200, description: 'A page of jobs', schema: JobListSchema },
    errors: { 404: 'No such job to go on behind' },
    handle: async ({ query: { after, limit, ...rest } }) => {
      const metadata = metadataOf(rest);
      const last = after === undefined ? null : (await findFineTuningJob(after)).asked;
      const found = await OpenAiJob.findAll({
        where: {
          [Op.and]: [
            last === null ? {} : { seq: { [Op.lt]: last.seq } },
            metadata === undefined ? {} : havingMetadata(metadata),
          ],
        },
        order: [['seq', 'DESC']],
        limit: limit + 1,
      });
      return presentList(await presentAll(await withJobs(found)), limit);
    },
  });

  endpoints.add({
    method: 'get',
    path: ONE,
    role: 'viewer',
    summary: 'Get a fine-tuning job',
    tag,
    params: JobParams,
    success: { status: 200, description: 'The job', schema: JobSchema },
    errors: GONE,
    handle: async ({ params: { job_id } }) => await present(await findFineTuningJob(job_id)),
  });

  for (const [action, summary] of [
    ['cancel', 'Cancel a fine-tuning job'],
    ['pause', 'Pause a fine-tuning job: it saves, and gives its worker back'],
    ['resume', 'Let a paused fine-tuning job go on from its last checkpoint'],
  ] as const) {
    endpoints.add({
      method: 'post',
      path: `${ONE}/${action}`,
      role: 'trainer',
      summary,
      tag,
      params: JobParams,
      success: { status: 200, description: 'The job as it is then', schema: JobSchema },
      errors: { ...GONE, 400: 'It is in no state for that' },
      handle: async ({ params: { job_id } }) => {
        const { asked, job } = await findFineTuningJob(job_id);
        if (!job) throw new UserError(`The fine-tuning job ${job_id} has failed. Create another one.`);
        const owner = { kind: 'job', id: job.id } as const;
        try {
          if (action === 'cancel') await cancelLatest(owner);
          else await pauseLatest(owner, action === 'pause', orchestration);
        } catch (error) {
          if (!(error instanceof WrongStateError)) throw error;
          // By the names that this client knows.
          const state = error.state === 'completed' ? 'succeeded' : error.state;
          throw new UserError(`The fine-tuning job ${job_id} is ${state} and ${error.refused}.`, {
            code: 'invalid_job_state',
          });
        }
        return await present(await findFineTuningJob(asked.id));
      },
    });
  }

  endpoints.add({
    method: 'get',
    path: `${ONE}/events`,
    role: 'viewer',
    summary: 'What has happened to a fine-tuning job, newest first',
    tag,
    params: JobParams,
    query: EventListQuery,
    success: { status: 200, description: 'A page of events', schema: EventListSchema },
    errors: GONE,
    handle: async ({ params: { job_id }, query }) => await eventsOf(await findFineTuningJob(job_id), query),
  });

  endpoints.add({
    method: 'get',
    path: `${ONE}/checkpoints`,
    role: 'viewer',
    summary: 'The checkpoints of a fine-tuning job, newest first',
    tag,
    params: JobParams,
    query: CheckpointListQuery,
    success: { status: 200, description: 'A page of checkpoints', schema: CheckpointListSchema },
    errors: GONE,
    handle: async ({ params: { job_id }, query }) => await checkpointsOf(await findFineTuningJob(job_id), query),
  });
}

function askedBy(body: z.output<typeof JobCreate>) {
  const older = body.hyperparameters ?? {};
  const method = body.method?.type ?? 'supervised';
  requireOneMethod(method, body.method);
  const newer = body.method?.[method]?.hyperparameters ?? {};
  const pick = <Name extends 'n_epochs' | 'batch_size' | 'learning_rate_multiplier'>(name: Name) => {
    const [first, second] = [newer[name], older[name]];
    if (first !== undefined && second !== undefined && first !== second)
      throw new ApiError(
        400,
        `${name} is ${first} in method.${method}.hyperparameters and ${second} in hyperparameters. Send it once.`,
        { field: `hyperparameters.${name}` },
      );
    return first ?? second ?? ('auto' as const);
  };
  return {
    model: body.model,
    trainingFile: body.training_file,
    validationFile: body.validation_file ?? null,
    suffix: body.suffix ?? null,
    seed: body.seed ?? null,
    method,
    hyperparameters: {
      n_epochs: pick('n_epochs'),
      batch_size: pick('batch_size'),
      learning_rate_multiplier: pick('learning_rate_multiplier'),
      ...(method === 'dpo' ? { beta: body.method?.dpo?.hyperparameters?.beta ?? 'auto' } : {}),
    },
    metadata: body.metadata ?? null,
    wandb: wandbAskedBy(body.integrations),
    force: body.force,
  };
}

/** What is sent for another method than the one that is meant would mean nothing. @throws ApiError */
function requireOneMethod(type: Method, sent: z.output<typeof JobCreate>['method']): void {
  const other = METHODS.find((method) => method !== type && sent?.[method]);
  if (other === undefined) return;
  throw new ApiError(
    400,
    `method.${other} is given, and method.type is "${type}". Leave it out, or send "type": "${other}".`,
    { field: `method.${other}` },
  );
}

/** What makes a request the same one, when its client sends it again: clients of that API send no key for it. */
function fingerprintOf(ctx: Context, body: unknown): string {
  const sent = [ctx.get('Authorization'), ctx.get('User-Agent'), body];
  return createHash('sha256').update(JSON.stringify(sent)).digest('hex');
}

/** `metadata[key]=value` as an object; null for those without any, as one client asks for them; undefined: all are meant. */
function metadataOf(rest: Record<string, string>): Record<string, string> | null | undefined {
  const pairs: Record<string, string> = {};
  for (const [name, value] of Object.entries(rest)) {
    const [, key] = /^metadata\[(.+)\]$/.exec(name) ?? [];
    if (key !== undefined) pairs[key] = value;
    else if (name !== 'metadata' || !['', 'null'].includes(value))
      throw new ApiError(400, `Unknown query field ${JSON.stringify(name)}; remove it or correct its name.`, {
        field: name,
      });
    else return null;
  }
  return Object.keys(pairs).length === 0 ? undefined : pairs;
}
