import type { z } from 'zod';
import type { NotificationDelivery } from '../../models/notifications/notification-delivery.ts';
import type { NotificationTarget } from '../../models/notifications/notification-target.ts';
import { date } from '../http/shared-schema.ts';
import type { NotificationDeliverySchema, NotificationTargetSchema } from './schema.ts';

/** Without its secret. */
export function presentTarget(row: NotificationTarget): z.input<typeof NotificationTargetSchema> {
  const { id, name, kind, address, events, runs_of, enabled, disabled_because, created_by } = row;
  return {
    id,
    name,
    kind,
    url: kind === 'webhook' ? address : null,
    address: kind === 'email' ? address : null,
    events: events ?? null,
    runs_of: runs_of ?? null,
    enabled,
    disabled_because: disabled_because ?? null,
    created_by,
    created_at: date(row.created_at),
    updated_at: date(row.updated_at),
  };
}

export function presentDelivery(row: NotificationDelivery): z.input<typeof NotificationDeliverySchema> {
  const { id, target_id, message_id, event, run_id, data, status, attempts, last_answer } = row;
  return {
    id,
    target_id,
    message_id,
    event,
    run_id,
    sentence: data.sentence,
    status,
    attempts,
    last_answer,
    last_attempt_at: date(row.last_attempt_at),
    next_attempt_at: status === 'pending' ? date(row.next_attempt_at ?? row.created_at) : null,
    give_up_at: date(row.give_up_at),
    created_at: date(row.created_at),
    finished_at: date(row.finished_at),
  };
}
