import type { Client, WorkflowHandle } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import { until } from './service.ts';

/** What the Temporal Web UI shows of a workflow, by the requests that it makes itself. */

type Payload = Parameters<typeof defaultPayloadConverter.fromPayload>[0];
type History = Awaited<ReturnType<WorkflowHandle['fetchHistory']>>;
type HistoryEvent = NonNullable<History['events']>[number];

export interface ShownActivity {
  type: string;
  /** The line beside it in the timeline. */
  summary: string | null;
}

/** Every event of one execution of a workflow. */
export async function eventsOf(handle: WorkflowHandle): Promise<HistoryEvent[]> {
  return (await handle.fetchHistory()).events ?? [];
}

/** The activities of a history, in the order in which they were asked for. */
export function activitiesIn(events: HistoryEvent[]): ShownActivity[] {
  return events.flatMap(({ activityTaskScheduledEventAttributes: scheduled, userMetadata }) =>
    scheduled ? [{ type: String(scheduled.activityType?.name), summary: textOf(userMetadata?.summary) }] : [],
  );
}

/** The timers of a history, with what is beside them in the timeline, and for how long they were set. */
export function timersIn(events: HistoryEvent[]): { summary: string | null; ms: number }[] {
  return events.flatMap(({ timerStartedEventAttributes: started, userMetadata }) =>
    started ? [{ summary: textOf(userMetadata?.summary), ms: optionalTsToMs(started.startToFireTimeout) ?? 0 }] : [],
  );
}

/** What a workflow says of itself now, in Markdown. */
export async function currentDetails(handle: WorkflowHandle): Promise<string> {
  const metadata = await handle.query<{ currentDetails?: string }>('__temporal_workflow_metadata');
  return metadata.currentDetails ?? '';
}

/** What the heartbeat of the one pending activity tells, with its attempt, once it tells something that `is` so. */
export async function pendingProgress(
  handle: WorkflowHandle,
  what: string,
  is: (progress: Record<string, unknown>, attempt: number) => boolean,
): Promise<Record<string, unknown>> {
  let last: unknown;
  return await until(`the heartbeat to tell ${what}`, async () => {
    const [pending] = (await handle.describe()).raw.pendingActivities ?? [];
    const payload = pending?.heartbeatDetails?.payloads?.[0];
    if (!pending || !payload) return null;
    const progress = defaultPayloadConverter.fromPayload<Record<string, unknown>>(payload);
    last = progress;
    return is(progress, Number(pending.attempt)) ? progress : null;
  }).catch((error: Error) => {
    throw new Error(`${error.message}; it tells ${JSON.stringify(last)}`);
  });
}

/** The ids of the workflows that a filter finds, once it finds some: the list is some seconds late. */
export async function foundBy(client: Client, query: string): Promise<string[]> {
  return await until(`workflows where ${query}`, async () => {
    const found: string[] = [];
    for await (const { workflowId } of client.workflow.list({ query })) found.push(workflowId);
    return found.length > 0 ? found : null;
  });
}

function textOf(payload: Payload | null | undefined): string | null {
  return payload ? defaultPayloadConverter.fromPayload<string>(payload) : null;
}
