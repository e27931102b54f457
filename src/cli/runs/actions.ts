import { randomUUID } from 'node:crypto';
import { actOn, ownerOf, runAgain } from '../api/runs.ts';
import { CommandFailure, EXIT } from '../exit-codes.ts';
import type { Session } from '../session.ts';
import { isEnded, progressText } from './progress-text.ts';
import { type RunName, textOf } from './run-name.ts';

/** `mtm pause | resume | cancel ID`: of the latest run. */
export async function act(session: Session, name: RunName, what: 'pause' | 'resume' | 'cancel'): Promise<void> {
  await requireLatest(session, name);
  const owner = await actOn(session.client, name, what);
  const now = isEnded(owner) ? '' : `, ${progressText(owner)}`;
  session.print(owner, () => `${textOf(name)}: ${owner.status}${now}`);
}

/** `mtm retry ID`: a new run, which goes on where the last one ended, or with `fresh` from step 0. */
export async function retry(
  session: Session,
  name: RunName,
  { fresh = false, force = false, downloadModel: download }: { fresh?: boolean; force?: boolean; downloadModel?: true },
): Promise<void> {
  await requireLatest(session, name);
  const owner = await runAgain(session.client, name, { fresh, force, download, key: randomUUID() });
  session.print(owner, () => `${textOf({ ...name, run: owner.run_number ?? 1 })}: ${owner.status}`);
}

/** An earlier run has ended, and nothing can be done with it. @throws CommandFailure which names the latest */
export async function requireLatest({ client }: Session, { run, ...owner }: RunName): Promise<void> {
  if (run === undefined) return;
  const { run_number } = await ownerOf(client, owner);
  if (run_number !== run)
    throw new CommandFailure(
      `${textOf({ ...owner, run })} is not the latest run of ${textOf(owner)}, which is run ${run_number}.`,
      EXIT.failed,
    );
}
