import { z } from 'zod';
import { HELD } from '../../platform/disks.ts';
import { dateField, idField } from '../http/shared-schema.ts';

const workerCount = z.int().min(1).max(32);

export const WorkerAction = z
  .discriminatedUnion('action', [
    z.strictObject({ action: z.literal('start'), worker_count: workerCount }),
    z.strictObject({ action: z.enum(['stop', 'restart']), worker_count: workerCount.optional() }),
  ])
  .openapi('WorkerAction', { example: { action: 'start', worker_count: 2 } });

/** Names of hosts and of workers: what a path can have. */
const name = z.string().min(1).max(64);
export const HostParams = z.object({ host: name });
export const WorkerParams = z.object({ worker: name });

export const DrainRequest = z
  .strictObject({
    move: z.boolean().default(false).openapi({
      description: 'Runs that are trained there are saved and go on elsewhere, instead of to their end there',
    }),
  })
  .openapi('DrainRequest', { example: { move: true } });

const drainField = z
  .object({
    state: z
      .enum(['draining', 'drained'])
      .openapi({ description: 'drained: nothing is trained there, and no process is left' }),
    move: z.boolean(),
    since: dateField,
  })
  .nullable()
  .openapi({ description: 'Being emptied, so that nothing begins there; null: it is not' });

export const WorkerPoolSchema = z
  .object({
    total_workers: z.int(),
    active_workers: z.int(),
    idle_workers: z.int(),
    busy_workers: z.int(),
    max_workers: z.int(),
    workers: z.array(
      z.object({
        id: z.string(),
        status: z.enum(['idle', 'busy', 'stopped', 'error']),
        current_job_id: idField.nullable(),
        jobs_completed: z.int(),
        started_at: dateField,
        last_activity: dateField,
        current_project_id: idField.nullable(),
        host: z.string(),
        device: z.string().nullable(),
        pid: z.int().nullable(),
        reason: z.string().nullable(),
        next_start_at: dateField.nullable(),
        drain: drainField,
      }),
    ),
    hosts: z
      .array(
        z.object({
          name: z.string(),
          status: z.enum(['up', 'away']),
          devices: z
            .array(z.string())
            .openapi({ description: 'What its workers may train on, each for one worker; any number share the `cpu`' }),
          workers: z.int().openapi({ description: 'That are to run there' }),
          free_slots: z.int().nullable().openapi({
            description: 'How many more workers it has devices for; null: as many as are wanted, on its CPU',
          }),
          disks: z
            .array(
              z.object({
                path: z.string(),
                holds: z.array(z.enum(HELD)).openapi({
                  description: 'home: datasets, checkpoints and all else below MTM_HOME; outputs; models: the cache',
                }),
                bytes: z.int(),
                free_bytes: z.int(),
                is_short: z.boolean().openapi({ description: 'Less is free than a small training may need' }),
              }),
            )
            .openapi({ description: 'That it writes on, each once; as its agent saw them within some seconds' }),
          last_report: dateField,
          drain: drainField,
        }),
      )
      .openapi({ description: 'Machines whose agents reported in the last day, or that are being drained' }),
    deaths: z
      .array(
        z.object({
          worker_id: z.string(),
          host: z.string(),
          device: z.string().nullable(),
          at: dateField,
          reason: z.string().nullable(),
        }),
      )
      .openapi({ description: 'Workers that ended without being asked to, the last ten' }),
    jobs_in_queue: z.int(),
    pending_action: z
      .object({ action: z.enum(['start', 'stop', 'restart']), done: z.int(), total: z.int() })
      .nullable()
      .openapi({
        description: 'What the pool is still at, and how many workers are as it wants them; null when all are',
      }),
  })
  .openapi('WorkerPool', {
    example: {
      total_workers: 1,
      active_workers: 1,
      idle_workers: 0,
      busy_workers: 1,
      max_workers: 8,
      workers: [
        {
          id: 'worker-abc123',
          status: 'busy',
          current_job_id: 5,
          jobs_completed: 10,
          started_at: '2024-01-01T00:00:00Z',
          last_activity: '2024-01-01T01:00:00Z',
          current_project_id: null,
          host: 'gpu-1',
          device: 'cuda:0',
          pid: 4711,
          reason: null,
          next_start_at: null,
          drain: null,
        },
      ],
      hosts: [
        {
          name: 'gpu-1',
          status: 'up',
          devices: ['cuda:0', 'cuda:1'],
          workers: 1,
          free_slots: 1,
          disks: [
            { path: '/data/mtm', holds: ['home', 'outputs', 'models'], bytes: 1e12, free_bytes: 4e11, is_short: false },
          ],
          last_report: '2024-01-01T01:00:00Z',
          drain: null,
        },
      ],
      deaths: [
        {
          worker_id: 'worker-def456',
          host: 'gpu-1',
          device: 'cuda:1',
          at: '2024-01-01T00:30:00Z',
          reason: 'Its process ended by SIGKILL.',
        },
      ],
      jobs_in_queue: 3,
      pending_action: null,
    },
  });
