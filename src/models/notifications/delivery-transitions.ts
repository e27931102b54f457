import { literal, Op } from 'sequelize';
import { NotificationDelivery } from './notification-delivery.ts';

const TRIED_FOR_MS = 3 * 24 * 3_600_000;
const FIRST_WAIT_MS = 5_000;
const LONGEST_WAIT_MS = 12 * 3_600_000;

/** Until when it is tried. */
export function giveUpAt(): Date {
  return new Date(Date.now() + TRIED_FOR_MS);
}

/** So long after so many attempts that failed: 5 s, 20 s, 80 s, and so on, up to 12 hours. */
export function waitAfterAttempts(attempts: number): number {
  return Math.min(FIRST_WAIT_MS * 4 ** (attempts - 1), LONGEST_WAIT_MS);
}

/** Those that are to be tried now, the longest due first. */
export async function dueDeliveries(most: number): Promise<NotificationDelivery[]> {
  return await NotificationDelivery.findAll({
    where: { status: 'pending', [Op.and]: literal('coalesce(next_attempt_at, created_at) <= now()') },
    order: [literal('coalesce(next_attempt_at, created_at)'), ['id', 'ASC']],
    limit: most,
  });
}

/** What an attempt gave. */
export interface Attempt {
  status: NotificationDelivery['status'];
  answer: string;
  /** Of one that is tried again. */
  nextAttemptAt: Date | null;
}

/** Notes what an attempt gave. Changes nothing of what has ended meanwhile, or is gone. */
export async function noteAttempt({ id }: NotificationDelivery, attempt: Attempt): Promise<void> {
  const { status, answer, nextAttemptAt } = attempt;
  await NotificationDelivery.update(
    {
      status,
      attempts: literal('attempts + 1'),
      last_answer: answer,
      last_attempt_at: new Date(),
      next_attempt_at: nextAttemptAt,
      finished_at: status === 'pending' ? null : new Date(),
    },
    { where: { id, status: 'pending' } },
  );
}

/** Ends what is not tried any more, although no attempt said so. */
export async function giveUp(id: number, why: string): Promise<void> {
  await NotificationDelivery.update(
    { status: 'given_up', last_answer: why, next_attempt_at: null, finished_at: new Date() },
    { where: { id, status: 'pending' } },
  );
}

/** Has it tried now, for as long as a new one, whatever has come of it. False: it is gone. */
export async function tryAgain(id: number): Promise<boolean> {
  const [written] = await NotificationDelivery.update(
    {
      status: 'pending',
      next_attempt_at: null,
      give_up_at: giveUpAt(),
      workflow_started_at: null,
      finished_at: null,
    },
    { where: { id } },
  );
  return written > 0;
}
