import { type DeliveredEvent, type News, TEST_EVENT } from '../../models/notifications/events.ts';
import type { NotificationDelivery } from '../../models/notifications/notification-delivery.ts';
import type { Env } from '../../platform/env.ts';

type Delivery = Pick<NotificationDelivery, 'event' | 'data' | 'created_at'>;

/** What a receiver is sent, in the form of Standard Webhooks. */
export interface Message {
  type: DeliveredEvent;
  /** When it happened. */
  timestamp: string;
  data: News & { url: string | null };
}

/** The same at every attempt, as long as MTM_PUBLIC_URL is. */
export function messageOf({ event, data, created_at }: Delivery, { publicUrl }: Pick<Env, 'publicUrl'>): Message {
  return { type: event, timestamp: created_at.toISOString(), data: { ...data, url: urlOf(data, publicUrl) } };
}

/** Where the page shows what it is about. */
function urlOf({ run }: News, publicUrl: string | undefined): string | null {
  if (publicUrl === undefined) return null;
  if (run === null) return `${publicUrl}/`;
  const owner = run.job_id === null ? `projects/${run.project_id}` : `jobs/${run.job_id}`;
  return `${publicUrl}/${owner}?run=${run.number}`;
}

const SUBJECTS: Record<DeliveredEvent, (news: News) => string> = {
  'run.completed': ({ run }) => `${run?.name} completed`,
  'run.failed': ({ run }) => `${run?.name} failed`,
  'run.paused': ({ run }) => `${run?.name} is paused`,
  'run.worse_than_base': ({ run }) => `${run?.name} is worse than its base`,
  'worker.lost': ({ worker }) => `worker of ${worker?.host} is lost`,
  'disk.low': ({ disk }) => `the disk of ${disk?.host} is nearly full`,
  [TEST_EVENT]: () => 'a test',
};

/** The same as an e-mail. */
export function mailOf(message: Message): { subject: string; text: string } {
  const { type, timestamp, data } = message;
  const { run } = data;
  const lines = [data.sentence, ''];
  if (run) {
    lines.push(`Run:      ${run.name} of ${JSON.stringify(run.owner_name)}`);
    lines.push(`Base:     ${run.base_model}, ${run.training_type}`);
    lines.push(`Steps:    ${run.current_step}${run.total_steps === null ? '' : ` of ${run.total_steps}`}`);
    for (const { trait, rows, verdict, base_loss, tuned_loss } of run.traits)
      lines.push(`${trait}: loss ${base_loss.toFixed(3)} to ${tuned_loss.toFixed(3)} on ${rows} rows (${verdict})`);
  }
  if (data.url !== null) lines.push(`Page:     ${data.url}`);
  lines.push('', `${type} at ${timestamp}`);
  return { subject: `Model Training Manager: ${SUBJECTS[type](data)}`, text: `${lines.join('\n')}\n` };
}
