import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { ApplicationFailure, Context } from '@temporalio/activity';
import { Run } from '../../models/runs/run.ts';
import { isFinal } from '../../models/runs/statuses.ts';
import { requireConfigured, trackerEnvironment } from '../../models/trackers/configured-trackers.ts';
import { noteDelivered, noteDeliveryTrouble, WRITTEN_AT_THE_END } from '../../models/trackers/due-deliveries.ts';
import { evalsAfter, stepsAfter } from '../../models/trackers/new-figures.ts';
import { TrackerDelivery } from '../../models/trackers/tracker-delivery.ts';
import type { Env } from '../../platform/env.ts';
import { failureOf } from '../../platform/failure-of.ts';
import { isDatabaseAway } from '../../platform/postgres/database-away.ts';
import { type Sender, startSender } from '../../trainer/tracker-sender.ts';
import type { DeliveryEnd, DeliveryRef } from '../../workflows/trackers/contract.ts';
import { waitAfter } from '../failing.ts';
import { endOf, openingOf } from './told-of-run.ts';

const LOOK_EVERY_MS = 1_000;
/** Others wait for its place: while its run trains it begins again behind them after so long, and so where nothing new came. */
const MOST_MS = 10 * 60_000;
const MOST_IDLE_MS = 30_000;

/**
 * Sends a tracker what it lacks of a run, in order, until the run has ended and everything is sent. The database has everything, so
 * nothing is lost where this ends in the middle. May run twice: a tracker that has a step keeps it (trainer/trackers/ says how).
 */
export function createDeliverFigures(env: Env, python: () => Promise<string>) {
  return async function deliverFigures({ deliveryId }: DeliveryRef): Promise<DeliveryEnd> {
    const { cancellationSignal } = Context.current();
    const delivery = await TrackerDelivery.findByPk(deliveryId);
    if (delivery === null) return { status: 'deleted' };
    if (delivery.status === 'delivered') return { status: 'delivered' };
    let sender: Sender | null = null;
    const kill = () => sender?.kill();
    cancellationSignal.addEventListener('abort', kill, { once: true });
    try {
      requireConfigured(env, [delivery.tracker]);
      sender = await startSender({
        python: await python(),
        tracker: delivery.tracker,
        environment: trackerEnvironment(env, delivery.tracker),
        logFile: join(env.home, 'logs', 'trackers.log'),
      });
      return await deliver(env, delivery, sender, cancellationSignal);
    } catch (error) {
      if (cancellationSignal.aborted) throw cancellationSignal.reason;
      if (isDatabaseAway(error)) throw error;
      const { sentence } = failureOf(error);
      const nextRetryDelay = waitAfter(await noteDeliveryTrouble(deliveryId, sentence));
      await TrackerDelivery.update(
        { next_try_at: new Date(Date.now() + nextRetryDelay) },
        { where: { id: deliveryId } },
      );
      throw ApplicationFailure.create({ message: sentence, type: 'Waiting', nextRetryDelay });
    } finally {
      cancellationSignal.removeEventListener('abort', kill);
      kill();
    }
  };
}

async function deliver(
  env: Env,
  { id, run_id: runId, tracker, token, step: known, eval_seq }: TrackerDelivery,
  sender: Sender,
  stop: AbortSignal,
): Promise<DeliveryEnd> {
  const found = await Run.findByPk(runId);
  if (found === null) return { status: 'deleted' };
  const { externalId, address } = await sender.open(await openingOf(env, found, { token, tracker }));
  if (!(await noteDelivered(id, { external_id: externalId, address }))) return { status: 'deleted' };
  // What is written at the end is written anew, as a whole.
  const isAnew = WRITTEN_AT_THE_END.includes(tracker);
  let step = isAnew ? 0 : known;
  let seq = isAnew ? 0 : eval_seq;
  const beganMs = performance.now();
  for (let newMs = beganMs; ; ) {
    // Read before its figures: once it has ended no more come.
    const run = await Run.findByPk(runId, { attributes: ['status'] });
    if (run === null) return { status: 'deleted' };
    const hasEnded = isFinal(run.status);
    const nowMs = performance.now();
    if (!hasEnded && (nowMs - newMs > MOST_IDLE_MS || nowMs - beganMs > MOST_MS)) return { status: 'later' };
    const evals = await evalsAfter(runId, seq);
    const steps = evals.length > 0 ? [] : await stepsAfter(runId, step, hasEnded);
    if (evals.length + steps.length > 0) {
      await sender.send({ steps, evals });
      step = steps.at(-1)?.step ?? step;
      seq = evals.at(-1)?.seq ?? seq;
      if (!(await noteDelivered(id, { step, eval_seq: seq }))) return { status: 'deleted' };
      newMs = performance.now();
    } else if (hasEnded) {
      await sender.close(endOf(await Run.findByPk(runId, { rejectOnEmpty: true }), step));
      await noteDelivered(id, { status: 'delivered', delivered_at: new Date() });
      return { status: 'delivered' };
    } else {
      await after(LOOK_EVERY_MS, undefined, { signal: stop });
    }
  }
}
