import { z } from 'zod';
import { STORAGE_KINDS } from '../../models/storage/retention.ts';
import { HELD } from '../../platform/disks.ts';
import { dateField, examplePage, pageOf, pageQuery } from '../http/shared-schema.ts';

const KIND = z.enum(STORAGE_KINDS as [(typeof STORAGE_KINDS)[number], ...(typeof STORAGE_KINDS)[number][]]);

const amount = z.object({ items: z.int(), bytes: z.int() });
const runIdField = z.int().nullable().openapi({ description: 'The id of its run, which may be deleted by now' });

const measured = {
  what: z.string(),
  held: amount.nullable().openapi({ description: 'Null until it was measured' }),
  measured_at: dateField.nullable().openapi({ description: 'It is measured every ten minutes' }),
};

export const StorageSchema = z
  .object({
    kinds: z
      .array(
        z.object({
          kind: KIND,
          ...measured,
          keep_days: z.number().nullable().openapi({ description: 'By PATCH /config/; null: for ever' }),
          is_default: z.boolean(),
          pinned: amount.nullable().openapi({ description: 'Of that, what stays whatever its age' }),
          frees: z
            .object({ now: amount, day: amount, week: amount, month: amount })
            .nullable()
            .openapi({ description: 'What the policy removes next, and within a day, 7 days and 30 days' }),
          biggest: z.array(
            z.object({
              name: z.string(),
              run_id: runIdField,
              bytes: z.int(),
              since: dateField.openapi({ description: 'From when its age counts' }),
              pinned: z.string().nullable().openapi({ description: 'Why it stays; null: it goes when it is due' }),
              due_at: dateField.nullable().openapi({
                description:
                  'When the policy removes it, as it was when that was measured; null: never, or not known yet',
              }),
            }),
          ),
        }),
      )
      .openapi({ description: 'What policies remove, from what is worth nothing to what is dear' }),
    others: z
      .array(
        z.object({
          name: z.string(),
          ...measured,
          biggest: z.array(
            z.object({
              name: z.string(),
              bytes: z.int(),
              dataset_id: z.int().nullable().openapi({ description: 'Of a file of a dataset' }),
            }),
          ),
        }),
      )
      .openapi({ description: 'What no policy removes' }),
    pins: z
      .array(
        z.object({
          what: z.enum(['run', 'checkpoint', 'export']),
          run: z.string().openapi({ description: 'Its run, or that of which it is' }),
          step: z.int().nullable().openapi({ description: 'Of a checkpoint' }),
          export_id: z.int().nullable(),
        }),
      )
      .openapi({ description: 'What people pinned: the newest 200 of runs, of checkpoints and of exports' }),
    disks: z.array(z.object({ path: z.string(), holds: z.array(z.enum(HELD)), bytes: z.int(), free_bytes: z.int() })),
    going: z.int().openapi({ description: 'Things that are decided to go and are not removed yet' }),
  })
  .openapi('Storage', {
    example: {
      kinds: [
        {
          kind: 'checkpoints_of_completed_runs',
          what: 'checkpoints and token caches of completed runs; their published models stay',
          held: { items: 2, bytes: 3_000_000_000 },
          measured_at: '2024-01-01T00:00:00Z',
          keep_days: 7,
          is_default: true,
          pinned: { items: 1, bytes: 1_000_000_000 },
          frees: {
            now: { items: 0, bytes: 0 },
            day: { items: 0, bytes: 0 },
            week: { items: 1, bytes: 2_000_000_000 },
            month: { items: 1, bytes: 2_000_000_000 },
          },
          biggest: [
            {
              name: 'checkpoints of job-1-run-1',
              run_id: 1,
              bytes: 2_000_000_000,
              since: '2024-01-01T00:00:00Z',
              pinned: null,
              due_at: '2024-01-08T00:00:00Z',
            },
          ],
        },
      ],
      others: [
        {
          name: 'datasets',
          what: 'datasets as Parquet, and conversations made of them',
          held: { items: 3, bytes: 52_428_800 },
          measured_at: '2024-01-01T00:00:00Z',
          biggest: [{ name: 'My rows', bytes: 26_214_400, dataset_id: 1 }],
        },
      ],
      pins: [{ what: 'checkpoint', run: 'job-1-run-1', step: 80, export_id: null }],
      disks: [{ path: '/data', holds: ['home', 'outputs'], bytes: 500_000_000_000, free_bytes: 120_000_000_000 }],
      going: 0,
    },
  });

const cleanedField = z.object({
  kind: KIND,
  name: z.string(),
  run_id: runIdField,
  bytes: z.int().nullable().openapi({ description: 'Null: not known' }),
  why: z.string(),
});
const CLEANED = {
  kind: 'checkpoints_of_completed_runs' as const,
  name: 'checkpoints of job-1-run-1',
  run_id: 1,
  bytes: 2_000_000_000,
  why: 'removed by policy checkpoints_of_completed_runs after 7 days',
};

export const CleanRequest = z
  .strictObject({
    kinds: z.array(KIND).min(1).max(STORAGE_KINDS.length).optional().openapi({ description: 'Left out: all' }),
    dry_run: z
      .boolean()
      .default(true)
      .openapi({ description: 'Only say what would go. Send false to have it removed' }),
  })
  .openapi('CleanRequest', { example: { kinds: ['exports'], dry_run: true } });

export const CleanedSchema = z
  .object({
    dry_run: z.boolean(),
    items: z.array(cleanedField),
    bytes: z.int().openapi({ description: 'Of all items of which the size is known' }),
    is_more: z.boolean().openapi({
      description: 'More is due than one answer names: send another request, or leave it to the next pass',
    }),
  })
  .openapi('Cleaned', { example: { dry_run: true, items: [CLEANED], bytes: 2_000_000_000, is_more: false } });

export const RemovalsQuery = pageQuery(20);

export const RemovalsSchema = pageOf(
  cleanedField.extend({
    id: z.int(),
    asked_by: z.enum(['policy', 'request']),
    kept_because: z.string().nullable().openapi({ description: 'Why it stayed after all; null: it went' }),
    decided_at: dateField,
    finished_at: dateField.nullable().openapi({ description: 'Null: it is about to go' }),
  }),
).openapi('Removals', {
  example: examplePage({
    ...CLEANED,
    id: 1,
    asked_by: 'policy' as const,
    kept_because: null,
    decided_at: '2024-01-01T00:00:00Z',
    finished_at: '2024-01-01T00:00:01Z',
  }),
});

export const PinRequest = z.strictObject({ pinned: z.boolean() }).openapi('PinRequest', { example: { pinned: true } });

export const PinSchema = z
  .object({
    run_number: z.int(),
    pinned: z.boolean(),
    removed_before: z
      .string()
      .nullable()
      .openapi({ description: 'By which policy checkpoints of it went before it was pinned; null: none did' }),
  })
  .openapi('Pin', { example: { run_number: 1, pinned: true, removed_before: null } });
