import { bodyOf } from '../api/client.ts';
import { followRun, type StreamEvent } from '../api/run-stream.ts';
import { ownerOf, progressOf, type RunProgress, reportOf } from '../api/runs.ts';
import { CommandFailure, EXIT } from '../exit-codes.ts';
import type { Session } from '../session.ts';
import { type Bar, createBar } from '../terminal/bar.ts';
import { leavingByCtrlC } from '../terminal/leaving.ts';
import { bytes, loss } from '../terminal/numbers.ts';
import { eventLine } from './event-line.ts';
import { phaseText, progressText } from './progress-text.ts';
import { resultTable } from './result-table.ts';
import { type RunName, textOf } from './run-name.ts';

/** What stands is asked for at most so often: what happens comes by itself. */
const LOOK_EVERY_MS = 1_000;

/**
 * `mtm run watch ID`: shows a run until its end, over lost connections and a service that is away, and then its result; of a project
 * with a second part, both runs. The exit code tells the outcome. Ctrl-C leaves the watch; the run goes on.
 */
export async function watchRun(session: Session, asked: RunName): Promise<void> {
  let name = await withRun(session, asked);
  for (;;) {
    await watchUntilEnd(session, asked, name);
    const next = await followerOf(session, asked, name);
    if (next === null) break;
    session.say(`${textOf(name)} has completed. ${textOf(next)} begins from its model.`);
    name = next;
  }
  await showResult(session, name);
}

async function watchUntilEnd(session: Session, asked: RunName, name: RunName): Promise<void> {
  const left = leavingByCtrlC();
  const bar = createBar();
  try {
    await showUntilEnd(session, name, bar, left.signal);
  } finally {
    bar.end();
    left.end();
  }
  if (left.signal.aborted)
    throw new CommandFailure(
      `Left. The run goes on: \`mtm run watch ${textOf(name)}\` comes back to it, \`mtm cancel ${textOf(asked)}\` ends it.`,
      EXIT.left,
    );
}

/** The second run of a project, where the first one was watched and no run was named; null: there is none. */
async function followerOf({ client }: Session, asked: RunName, watched: RunName): Promise<RunName | null> {
  if (asked.run !== undefined || watched.run === undefined) return null;
  const owner = await ownerOf(client, asked);
  if (!('followed_by' in owner) || owner.followed_by === null || owner.run_number === null) return null;
  const { status } = await progressOf(client, watched);
  return status === 'completed' && owner.run_number > watched.run ? { ...asked, run: owner.run_number } : null;
}

/** The run that is meant now: a later one of the same job is another. @throws CommandFailure where there is none yet */
async function withRun({ client }: Session, name: RunName): Promise<RunName> {
  if (name.run !== undefined) return name;
  const { run_number } = await ownerOf(client, name);
  if (run_number === null)
    throw new CommandFailure(`${textOf(name)} has no run yet. Start one with \`mtm project start ${textOf(name)}\`.`);
  return { ...name, run: run_number };
}

async function showUntilEnd(session: Session, name: RunName, bar: Bar, signal: AbortSignal): Promise<void> {
  const view = createView(session, name, bar);
  await view.look();
  const news = {
    onLost: () =>
      bar.note('The service does not answer. The run is safe, and goes on when the service does; asking again…'),
    onBack: () => bar.note('The service answers again.'),
  };
  const looking = setInterval(() => void view.look(), LOOK_EVERY_MS);
  try {
    for await (const event of followRun(session.server, name, news, signal)) view.hear(event);
  } finally {
    clearInterval(looking);
  }
}

/** The bar of a run: its state, looked up each second, and each step as it comes. */
function createView({ client }: Session, name: RunName, bar: Bar) {
  let stands: RunProgress | null = null;
  let heldOut = '';
  let isLooking = false;
  const draw = () => {
    if (stands === null) return;
    bar.show(stands.progress / 100, `${progressText(stands)}${heldOut}`, phaseText(stands.phase));
  };
  const look = async () => {
    if (isLooking) return;
    isLooking = true;
    try {
      stands = await watched();
      draw();
    } catch (error) {
      // The stream says that the service is away, and goes on when it is back.
      if (stands === null) throw error;
    } finally {
      isLooking = false;
    }
  };
  /** As its owner shows the latest run, with speed and time left; an earlier one has ended. */
  const watched = async (): Promise<RunProgress> => {
    const owner = await ownerOf(client, name);
    return owner.run_number === name.run ? owner : await progressOf(client, name);
  };
  const hear = ({ kind, data }: StreamEvent) => {
    if (kind === 'step' && stands !== null) {
      const { step, loss: value, tokens_per_s } = data;
      if (typeof step === 'number') stands = { ...stands, current_step: step };
      if (typeof value === 'number') stands = { ...stands, current_loss: value };
      if (typeof tokens_per_s === 'number') stands = { ...stands, tokens_per_s };
    }
    if (kind === 'eval' && data.trait === null && typeof data.loss === 'number')
      heldOut = `  held-out ${loss(data.loss)}`;
    const line = eventLine({ kind, data });
    if (line !== null) bar.note(line);
    draw();
  };
  return { look, hear };
}

/** The result, and the exit code that tells it. */
async function showResult({ client, print, say }: Session, name: RunName): Promise<void> {
  const run = await progressOf(client, name);
  const exitCode = exitCodeOf(run);
  if (run.status !== 'completed') {
    print(run, () => `${textOf(name)} ${run.status}.`);
    throw new CommandFailure(run.error_message ?? `The run was ${run.status}.`, exitCode);
  }
  const report = await reportOf(client, name);
  print(run, () => [resultTable(report), `Model: ${run.output_path}`].join('\n'));
  const size = await publishedBytes({ client }, name);
  say(`\`mtm download ${textOf(name)}\` fetches it${size === null ? '' : ` (${bytes(size)})`}.`);
  if (exitCode !== EXIT.done) throw new CommandFailure('The model is WORSE than its base on held-out rows.', exitCode);
}

/** What a run that has ended came to. */
export function exitCodeOf({ status, verdict }: Pick<RunProgress, 'status' | 'verdict'>): number {
  if (status === 'completed') return verdict === 'worse' ? EXIT.worse : EXIT.done;
  return status === 'cancelled' ? EXIT.cancelled : EXIT.failed;
}

async function publishedBytes({ client }: Pick<Session, 'client'>, { kind, id, run }: RunName): Promise<number | null> {
  const params = { path: { id }, query: run === undefined ? {} : { run } };
  try {
    const { items } =
      kind === 'job'
        ? await bodyOf(client.GET('/api/v1/jobs/{id}/files', { params }))
        : await bodyOf(client.GET('/api/v1/projects/{id}/files', { params }));
    return items.reduce((sum, file) => sum + file.bytes, 0);
  } catch {
    // Moved or deleted since: the run completed all the same.
    return null;
  }
}
