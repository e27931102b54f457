import { queryOptions } from '@tanstack/react-query';
import type { components } from '../../../generated/api';
import { bodyOf, client } from './client.ts';

type Schemas = components['schemas'];
export type NotificationTarget = Schemas['NotificationTarget'];
export type NewNotificationTarget = Schemas['NewNotificationTarget'];
export type NotificationDelivery = Schemas['NotificationDelivery'];
export type NotificationEvent = NonNullable<NotificationTarget['events']>[number];

export const EVENTS: Record<NotificationEvent, string> = {
  'run.completed': 'A run completed',
  'run.failed': 'A run failed',
  'run.paused': 'A run is paused',
  'run.worse_than_base': 'A model is worse than its base',
  'worker.lost': 'A worker is lost',
  'disk.low': 'A disk is nearly full',
};

/** Everything that is read of notifications begins with this. */
export const notificationsKey = ['notifications'] as const;

const MOST_TARGETS = 100;
const LAST_DELIVERIES = 10;
const LOOK_AGAIN_MS = 5_000;

export const targetsQuery = queryOptions({
  queryKey: [...notificationsKey, 'targets'],
  queryFn: () =>
    bodyOf(client.GET('/api/v1/notification-targets/', { params: { query: { page_size: MOST_TARGETS } } })),
});

/** The last ones, to whomever. */
export const deliveriesQuery = queryOptions({
  queryKey: [...notificationsKey, 'deliveries'],
  queryFn: () =>
    bodyOf(client.GET('/api/v1/notification-deliveries/', { params: { query: { page_size: LAST_DELIVERIES } } })),
  refetchInterval: LOOK_AGAIN_MS,
});

/** The answer has the secret of a webhook, and nothing else ever has. @throws ApiRefusal */
export function addTarget(wanted: {
  kind: NotificationTarget['kind'];
  name: string;
  where: string;
  events: NotificationEvent[] | null;
}): Promise<NewNotificationTarget> {
  const { kind, where, ...choices } = wanted;
  const common = { ...choices, runs_of: null, enabled: true };
  const body = kind === 'webhook' ? { kind, ...common, url: where } : { kind, ...common, address: where };
  return bodyOf(client.POST('/api/v1/notification-targets/', { body }));
}

/** What came of it is in the answer. @throws ApiRefusal where the target is disabled */
export function testTarget(id: number): Promise<NotificationDelivery> {
  return bodyOf(client.POST('/api/v1/notification-targets/{id}/test', { params: { path: { id } } }));
}

export function enableTarget({ id, enabled }: { id: number; enabled: boolean }): Promise<NotificationTarget> {
  return bodyOf(client.PATCH('/api/v1/notification-targets/{id}', { params: { path: { id } }, body: { enabled } }));
}

export async function deleteTarget(id: number): Promise<void> {
  await bodyOf(client.DELETE('/api/v1/notification-targets/{id}', { params: { path: { id } } }));
}

export function redeliver(id: number): Promise<NotificationDelivery> {
  return bodyOf(client.POST('/api/v1/notification-deliveries/{id}/redeliver', { params: { path: { id } } }));
}
