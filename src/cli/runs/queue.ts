import { bodyOf } from '../api/client.ts';
import { actOn, changeQueue } from '../api/runs.ts';
import type { QueueChange, WaitingRun } from '../api/types.ts';
import { CommandFailure, EXIT } from '../exit-codes.ts';
import type { Session } from '../session.ts';
import { columns } from '../terminal/table.ts';
import { requireLatest } from './actions.ts';
import { progressText } from './progress-text.ts';
import { type RunName, textOf } from './run-name.ts';
import { NONE } from './when-options.ts';

/** `mtm run queue`: the runs that wait to be trained, in their order. */
export async function showQueue({ client, print }: Session): Promise<void> {
  const answer = await bodyOf(client.GET('/api/v1/queue/', { params: { query: { page_size: 100 } } }));
  const others = answer.total - answer.items.length;
  print(answer, () => {
    if (answer.total === 0) return 'No run waits to be trained.';
    const rows = columns(answer.items.map(rowOf));
    return others > 0 ? `${rows}\nand ${others} more` : rows;
  });
}

function rowOf({ owner, number, queue_place, priority, expected_start_at, waits_because }: WaitingRun): string[] {
  return [
    queue_place === null ? '–' : String(queue_place),
    textOf({ kind: owner.kind, id: owner.id, run: number }),
    priority,
    expected_start_at === null ? '' : `begins about ${expected_start_at.slice(0, 16).replace('T', ' ')} UTC`,
    waits_because ?? '',
  ];
}

/** When a run is to begin, as options say it. */
export interface WhenOptions {
  priority?: QueueChange['priority'];
  front?: true;
  notBefore?: string;
  after?: NonNullable<QueueChange['after']> | typeof NONE;
}

/** @throws CommandFailure where nothing is to change */
export function changeOf({ notBefore, after, ...others }: WhenOptions): QueueChange {
  const change = {
    ...others,
    ...(notBefore === undefined ? {} : { not_before: notBefore === NONE ? null : notBefore }),
    ...(after === undefined ? {} : { after: after === NONE ? null : after }),
  };
  if (Object.keys(change).length > 0) return change;
  throw new CommandFailure('Say what is to change: --priority, --front, --not-before or --after.', EXIT.usage);
}

/** `mtm run when ID`. */
export async function changeWhen(session: Session, name: RunName, options: WhenOptions): Promise<void> {
  const change = changeOf(options);
  await requireLatest(session, name);
  const owner = await changeQueue(session.client, name, change);
  const now = owner.run_number === null ? 'not started; so it begins once it is' : owner.status;
  session.print(owner, () => `${textOf(name)}: ${owner.waits_because ?? now}`);
}

/** `mtm run hold | release ID`: the pause of a run, which of one that waits keeps its place. */
export async function hold(session: Session, name: RunName, holds: boolean): Promise<void> {
  await requireLatest(session, name);
  const owner = await actOn(session.client, name, holds ? 'pause' : 'resume');
  session.print(owner, () => `${textOf(name)}: ${owner.waits_because ?? progressText(owner)}`);
}
