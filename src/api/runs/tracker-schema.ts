import { z } from 'zod';
import { DELIVERY_STATUSES, type TrackerDelivery } from '../../models/trackers/tracker-delivery.ts';
import { TRACKERS } from '../../models/trackers/trackers.ts';
import { date, dateField } from '../http/shared-schema.ts';

const EXAMPLE = {
  run_number: 1,
  items: [
    {
      tracker: 'mlflow' as const,
      status: 'open' as const,
      step: 90,
      external_id: '25d2a0c7bc2a4a21ad68a1568b55e6cb',
      address: 'http://mlflow.example:5000/#/experiments/1/runs/25d2a0c7bc2a4a21ad68a1568b55e6cb',
      waiting_for: null,
      next_try_at: null,
      delivered_at: null,
    },
  ],
};

export const TrackersOfRunSchema = z
  .object({
    run_number: z.int(),
    items: z.array(
      z.object({
        tracker: z.enum(TRACKERS),
        status: z
          .enum(DELIVERY_STATUSES)
          .openapi({ description: 'delivered: the run has ended, and the tracker has all of it' }),
        step: z.int().openapi({ description: 'The last step that the tracker said it has' }),
        external_id: z.string().nullable().openapi({ description: 'What the tracker knows the run by' }),
        address: z
          .string()
          .nullable()
          .openapi({ description: 'Where it is found: an address, or a place on the disk' }),
        waiting_for: z
          .string()
          .nullable()
          .openapi({ description: 'Why nothing is delivered now. The run goes on all the same' }),
        next_try_at: dateField.nullable(),
        delivered_at: dateField.nullable(),
      }),
    ),
  })
  .openapi('TrackersOfRun', { example: EXAMPLE });

export function presentDelivery(delivery: TrackerDelivery) {
  const { tracker, status, step, external_id, address, waiting_for, next_try_at, delivered_at } = delivery;
  const times = { next_try_at: date(next_try_at), delivered_at: date(delivered_at) };
  return { tracker, status, step, external_id, address, waiting_for, ...times };
}
