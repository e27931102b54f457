import { randomUUID } from 'node:crypto';
import { bodyOf, finishedBodyOf } from '../api/client.ts';
import type { Project, ProjectCreate, ProjectPlan, QueueChange } from '../api/types.ts';
import { CommandFailure, EXIT, Refusal } from '../exit-codes.ts';
import { ensureWorker } from '../pool/pool.ts';
import type { ChangeText } from '../runs/estimate-text.ts';
import { listText } from '../runs/owner-text.ts';
import { planText } from '../runs/plan-text.ts';
import { type RunName, textOf } from '../runs/run-name.ts';
import { watchRun } from '../runs/watch.ts';
import type { Session } from '../session.ts';
import { projectSchema, readProjectFile } from './project-file.ts';

/** As a line of the project file each. */
const asFields: ChangeText = (change) =>
  Object.entries(change)
    .map(([field, value]) => `${field}: ${value}`)
    .join(', ');

interface FileOption {
  file: string;
}

export async function createProject({ client }: Session, body: ProjectCreate): Promise<Project> {
  const params = { header: { 'Idempotency-Key': randomUUID() } };
  return await bodyOf(client.POST('/api/v1/projects/', { params, body }));
}

/** `download`: its run would fetch the base model. */
type PlannedProject = ProjectCreate & { download?: boolean };

/** What would come of it; nothing is created. */
export async function planProject(
  { client }: Session,
  body: PlannedProject,
  signal?: AbortSignal,
): Promise<ProjectPlan> {
  return await finishedBodyOf(client.POST('/api/v1/projects/plan', { body, signal: signal ?? null }));
}

interface AskedStart {
  /** Although it would not fit. */
  force?: boolean | undefined;
  /** The base model first. */
  download?: boolean | undefined;
  priority?: QueueChange['priority'];
  not_before?: QueueChange['not_before'];
  after?: QueueChange['after'];
}

export async function startProject({ client }: Session, id: number, body: AskedStart): Promise<Project> {
  const params = { path: { id }, header: { 'Idempotency-Key': randomUUID() } };
  return await bodyOf(client.POST('/api/v1/projects/{id}/start', { params, body }));
}

/** A project and its first run, or neither: one whose start is refused is removed. @throws Refusal */
export async function createAndStart(session: Session, body: ProjectCreate, asked: AskedStart): Promise<Project> {
  const { id } = await createProject(session, body);
  try {
    return await startProject(session, id, asked);
  } catch (error) {
    if (error instanceof Refusal && error.isOfRequest)
      await bodyOf(session.client.DELETE('/api/v1/projects/{id}', { params: { path: { id } } }));
    else session.say(`project-${id} was created, and not started.`);
    throw error;
  }
}

export async function projectCreate(session: Session, { file }: FileOption): Promise<void> {
  const project = await createProject(session, await readProjectFile(session, file));
  session.print(
    project,
    () => `project-${project.id} was created. Train it with \`mtm project start project-${project.id}\`.`,
  );
}

export async function projectPlan(session: Session, { file }: FileOption): Promise<void> {
  const plan = await planProject(session, await readProjectFile(session, file));
  const { followed_by: second } = plan;
  session.print(plan, () =>
    [planText(plan, asFields), ...(second ? ['', 'Then, of what came of it:', planText(second, asFields)] : [])].join(
      '\n',
    ),
  );
}

interface StartOptions extends Pick<AskedStart, 'priority' | 'after'> {
  notBefore?: string;
  watch?: true;
  force?: true;
  downloadModel?: true;
}

export async function projectStart(
  session: Session,
  name: RunName,
  { watch, force, downloadModel: download, notBefore: not_before, priority, after }: StartOptions,
): Promise<void> {
  if (name.kind !== 'project' || name.run !== undefined)
    throw new CommandFailure(
      `${textOf(name)} is not a project. A job starts by itself; \`mtm retry\` runs it again.`,
      EXIT.usage,
    );
  const project = await startProject(session, name.id, { force, download, priority, not_before, after });
  await ensureWorker(session);
  const started = { ...name, run: project.run_number ?? 1 };
  if (watch) await watchRun(session, started);
  else
    session.print(project, () => `${textOf(started)} was started. Follow it with \`mtm run watch ${textOf(name)}\`.`);
}

export async function projectList({ client, print }: Session): Promise<void> {
  const answer = await bodyOf(client.GET('/api/v1/projects/', { params: { query: { page_size: 100 } } }));
  print(answer, () =>
    listText('project', answer.items, 'There is no project. Create one with `mtm project create -f FILE`.'),
  );
}

/** `mtm project schema`: nothing has to run for it. */
export async function printSchema(): Promise<void> {
  console.log(JSON.stringify(projectSchema(), null, 2));
}
