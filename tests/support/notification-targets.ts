import { randomBytes } from 'node:crypto';
import type { NotificationEvent } from '../../src/models/notifications/events.ts';
import { NotificationTarget } from '../../src/models/notifications/notification-target.ts';

let targets = 0;

/** A target's row, as the API makes it. */
export async function buildTarget(
  choices: Partial<Pick<NotificationTarget, 'kind' | 'address' | 'enabled' | 'runs_of'>> & {
    events?: NotificationEvent[];
  } = {},
): Promise<NotificationTarget> {
  const { kind = 'webhook' } = choices;
  return await NotificationTarget.create({
    name: `target ${targets++}`,
    kind,
    address: 'https://example.com/',
    secret: kind === 'webhook' ? `whsec_${randomBytes(32).toString('base64')}` : null,
    created_by: 'test',
    ...choices,
  });
}
