import { setTimeout as after } from 'node:timers/promises';
import { authorization, reach, requireSuccess } from '../api/client.ts';
import { ownerOf, progressOf } from '../api/runs.ts';
import { CommandFailure, EXIT } from '../exit-codes.ts';
import type { Session } from '../session.ts';
import { leavingByCtrlC } from '../terminal/leaving.ts';
import { isEnded } from './progress-text.ts';
import { type RunName, textOf } from './run-name.ts';

const LOOK_EVERY_MS = 1_000;

interface LogOptions {
  follow?: true;
  tail: string;
  validation?: true;
}

/** `mtm logs [-f] ID`: the last lines of the trainer's log, and with `follow` those that come, until the run has ended. */
export async function showLogs(session: Session, name: RunName, options: LogOptions): Promise<void> {
  const { server, client, isJson, say } = session;
  const show = (lines: string[]) => {
    if (isJson) for (const line of lines) console.log(JSON.stringify({ line }));
    else for (const line of lines) console.log(line);
  };
  const left = leavingByCtrlC();
  const read = async () => {
    const query = new URLSearchParams({
      tail: options.tail,
      task: options.validation ? 'validate' : 'train',
      ...(name.run === undefined ? {} : { run: String(name.run) }),
    });
    const url = `${server.url}/api/v1/${name.kind}s/${name.id}/logs?${query}`;
    const response = await requireSuccess(
      await reach(server.url, () => fetch(url, { headers: authorization(server.key) })),
    );
    return (await response.text()).split('\n').filter((line) => line !== '');
  };
  let shown = await read();
  show(shown);
  if (shown.length === 0) {
    const when = isEnded(await progressOf(client, name)) ? '' : ' yet';
    say(`The ${options.validation ? 'validation' : 'training'} of ${textOf(name)} has written no line${when}.`);
  }
  while (options.follow && !left.signal.aborted) {
    const owner = await ownerOf(client, name);
    // Before the look, so that its last lines are shown.
    const isOver = isEnded(owner) || (name.run !== undefined && name.run !== owner.run_number);
    const lines = await read();
    show(lines.slice(newFrom(shown, lines)));
    shown = lines;
    if (isOver) return;
    await after(LOOK_EVERY_MS, undefined, { signal: left.signal }).catch(() => {});
  }
  if (left.signal.aborted) throw new CommandFailure(`Left. ${textOf(name)} goes on.`, EXIT.left);
}

/** Where, in the last lines of a log that grew, those begin that were not among the last lines before. */
export function newFrom(before: string[], now: string[]): number {
  for (let known = Math.min(before.length, now.length); known > 0; known -= 1) {
    const tail = before.slice(-known);
    if (tail.every((line, index) => line === now[index])) return known;
  }
  return 0;
}
