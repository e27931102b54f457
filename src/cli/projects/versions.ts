import { randomUUID } from 'node:crypto';
import { bodyOf } from '../api/client.ts';
import type { Version } from '../api/types.ts';
import { CommandFailure, EXIT } from '../exit-codes.ts';
import { type RunName, textOf } from '../runs/run-name.ts';
import type { Session } from '../session.ts';
import { columns } from '../terminal/table.ts';

/** `mtm project versions ID`: newest first, with what the gate said of those that it did not let pass. */
export async function projectVersions({ client, print }: Session, name: RunName): Promise<void> {
  const id = projectOf(name);
  const params = { path: { id }, query: { page_size: 100 } };
  const found = await bodyOf(client.GET('/api/v1/projects/{id}/versions', { params }));
  print(found, () => {
    if (found.items.length === 0) return `${textOf({ kind: 'project', id })} has no version yet: no run has completed.`;
    const lines = columns([['VERSION', 'STATUS', 'MODEL', ''], ...found.items.map(lineOf)]);
    const stopped = found.items.filter(({ gate }) => gate !== null && gate.verdict !== 'passed');
    return [lines, ...stopped.map(({ version, gate }) => `Version ${version}: ${gate?.summary}`)].join('\n\n');
  });
}

function lineOf({ version, status, model, is_latest, is_candidate }: Version): string[] {
  const heads = [...(is_latest ? ['latest'] : []), ...(is_candidate ? ['candidate'] : [])];
  return [String(version), status, model, heads.join(', ')];
}

/** `mtm project promote ID VERSION --reason TEXT`: the latest from now on, whatever its gate said. */
export async function projectPromote(
  session: Session,
  name: RunName,
  version: number,
  { reason }: { reason: string },
): Promise<void> {
  const params = pathOf(name);
  tell(
    session,
    await bodyOf(session.client.POST('/api/v1/projects/{id}/promote', { params, body: { version, reason } })),
  );
}

/** `mtm project rollback ID --reason TEXT`: the version before is the latest again. */
export async function projectRollBack(session: Session, name: RunName, { reason }: { reason: string }): Promise<void> {
  const params = pathOf(name);
  tell(session, await bodyOf(session.client.POST('/api/v1/projects/{id}/rollback', { params, body: { reason } })));
}

function tell({ print }: Session, latest: Version): void {
  print(latest, () => `${latest.model} is the latest version now.`);
}

/** An answer that is lost is asked for again, and it is done once. */
function pathOf(name: RunName) {
  return { path: { id: projectOf(name) }, header: { 'Idempotency-Key': randomUUID() } };
}

function projectOf(name: RunName): number {
  if (name.kind === 'project' && name.run === undefined) return name.id;
  throw new CommandFailure(
    `${textOf(name)} is not a project. Give one as project-1: only projects have versions.`,
    EXIT.usage,
  );
}
