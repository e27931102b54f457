import { findDelivery, redeliver, sendTest } from '../../commands/notifications/deliveries.ts';
import { changeTarget, createTarget, deleteTarget, findTarget } from '../../commands/notifications/targets.ts';
import { NotificationDelivery } from '../../models/notifications/notification-delivery.ts';
import { NotificationTarget } from '../../models/notifications/notification-target.ts';
import type { ApiDependencies } from '../http/declaration.ts';
import type { Endpoints } from '../http/endpoint.ts';
import { badRequest } from '../http/errors.ts';
import { principalOf } from '../http/guard.ts';
import { limitsOf, pageOf } from '../http/list-query.ts';
import { IdParams } from '../http/shared-schema.ts';
import { documentMessages } from './message-schema.ts';
import { presentDelivery, presentTarget } from './present.ts';
import {
  NewNotificationTargetSchema,
  NotificationDeliveryListQuery,
  NotificationDeliveryListSchema,
  NotificationDeliverySchema,
  NotificationTargetCreate,
  NotificationTargetListQuery,
  NotificationTargetListSchema,
  NotificationTargetPatch,
  NotificationTargetSchema,
} from './schema.ts';

const tag = 'Notifications';

/** Notification targets and deliveries. The addresses of webhooks are often secrets: all of it is for admins. */
export function addNotifications(endpoints: Endpoints, { env }: ApiDependencies): void {
  documentMessages(endpoints.registry);
  addTargets(endpoints, { env });
  addDeliveries(endpoints);
}

function addTargets(endpoints: Endpoints, { env }: Pick<ApiDependencies, 'env'>): void {
  const errors = { 404: 'No such target' };
  const taken = 'Another target has this name';

  // Takes no Idempotency-Key: its answer would be kept, with the secret in it. A name is given once.
  endpoints.add({
    method: 'post',
    path: '/notification-targets/',
    role: 'admin',
    summary:
      'Have a webhook or an e-mail address be told of what happens. The secret of a webhook is in this answer alone',
    tag,
    body: NotificationTargetCreate,
    success: {
      status: 201,
      description: 'The target',
      schema: NewNotificationTargetSchema,
      location: '/notification-targets/{id}',
    },
    errors: {
      400: 'The address cannot be used, the service cannot send e-mail, or no key has the name in runs_of',
      409: `${taken}, or there are too many`,
    },
    handle: async ({ body, ctx }) => {
      const { kind, name, events, runs_of, enabled } = body;
      const address = body.kind === 'webhook' ? body.url : body.address;
      const row = await createTarget({ kind, name, address, events, runs_of, enabled }, principalOf(ctx), env);
      ctx.set('Cache-Control', 'no-store');
      return { ...presentTarget(row), secret: row.secret };
    },
  });

  endpoints.add({
    method: 'get',
    path: '/notification-targets/',
    role: 'admin',
    summary: 'List the notification targets, newest first',
    tag,
    query: NotificationTargetListQuery,
    success: { status: 200, description: 'A page of targets', schema: NotificationTargetListSchema },
    handle: async ({ query }) => {
      const { rows, count } = await NotificationTarget.findAndCountAll({ order: [['id', 'DESC']], ...limitsOf(query) });
      return pageOf(rows.map(presentTarget), count, query);
    },
  });

  endpoints.add({
    method: 'get',
    path: '/notification-targets/{id}',
    role: 'admin',
    summary: 'A notification target, without its secret',
    tag,
    params: IdParams,
    success: { status: 200, description: 'The target', schema: NotificationTargetSchema },
    errors,
    handle: async ({ params: { id } }) => presentTarget(await findTarget(id)),
  });

  endpoints.add({
    method: 'patch',
    path: '/notification-targets/{id}',
    role: 'admin',
    summary: 'Change a notification target. For another secret make another target',
    tag,
    params: IdParams,
    body: NotificationTargetPatch,
    success: { status: 200, description: 'The target', schema: NotificationTargetSchema },
    errors: { ...errors, 400: 'A value cannot be used, or is of the other kind of target', 409: taken },
    handle: async ({ params: { id }, body: { url, address, ...others } }) => {
      const { kind } = await findTarget(id);
      if (kind === 'webhook' && address !== undefined)
        throw badRequest(`address is given, and notification target ${id} is a webhook. Change its url.`);
      if (kind === 'email' && url !== undefined)
        throw badRequest(`url is given, and notification target ${id} is an e-mail. Change its address.`);
      return presentTarget(await changeTarget(id, { ...others, address: url ?? address }, env));
    },
  });

  endpoints.add({
    method: 'delete',
    path: '/notification-targets/{id}',
    role: 'admin',
    summary: 'Tell a target nothing more; its deliveries are forgotten',
    tag,
    params: IdParams,
    success: { status: 204, description: 'It is gone' },
    errors,
    handle: async ({ params: { id } }) => await deleteTarget(id),
  });

  endpoints.add({
    method: 'post',
    path: '/notification-targets/{id}/test',
    role: 'admin',
    summary: 'Send a test event, once, and say what came of it',
    tag,
    params: IdParams,
    success: { status: 200, description: 'Its delivery', schema: NotificationDeliverySchema },
    errors: { ...errors, 409: 'The target is disabled' },
    handle: async ({ params: { id } }) => presentDelivery(await sendTest(id, env)),
  });
}

function addDeliveries(endpoints: Endpoints): void {
  const errors = { 404: 'No such delivery' };

  endpoints.add({
    method: 'get',
    path: '/notification-deliveries/',
    role: 'admin',
    summary: 'List what was or is to be told to whom, newest first, and what came of it',
    tag,
    query: NotificationDeliveryListQuery,
    success: { status: 200, description: 'A page of deliveries', schema: NotificationDeliveryListSchema },
    handle: async ({ query: { target_id, status, ...page } }) => {
      const where = { ...(target_id === undefined ? {} : { target_id }), ...(status === undefined ? {} : { status }) };
      const found = { where, order: [['id', 'DESC']] as [string, string][], ...limitsOf(page) };
      const { rows, count } = await NotificationDelivery.findAndCountAll(found);
      return pageOf(rows.map(presentDelivery), count, page);
    },
  });

  endpoints.add({
    method: 'get',
    path: '/notification-deliveries/{id}',
    role: 'admin',
    summary: 'A delivery, and what came of it',
    tag,
    params: IdParams,
    success: { status: 200, description: 'The delivery', schema: NotificationDeliverySchema },
    errors,
    handle: async ({ params: { id } }) => presentDelivery(await findDelivery(id)),
  });

  endpoints.add({
    method: 'post',
    path: '/notification-deliveries/{id}/redeliver',
    role: 'admin',
    summary: 'Have a delivery be tried now, whatever came of it, and for three days more; its message_id stays',
    tag,
    params: IdParams,
    success: { status: 200, description: 'The delivery', schema: NotificationDeliverySchema },
    errors: { ...errors, 409: 'The target is disabled' },
    handle: async ({ params: { id } }) => presentDelivery(await redeliver(id)),
  });
}
