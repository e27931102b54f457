import { setTimeout as after } from 'node:timers/promises';
import { bodyOf } from '../api/client.ts';
import type { Health, ListedRun, WorkerPool } from '../api/types.ts';
import { CommandFailure, EXIT } from '../exit-codes.ts';
import { phaseText, progressText, waitingText } from '../runs/progress-text.ts';
import type { Session } from '../session.ts';
import { colours } from '../terminal/colours.ts';
import { leavingByCtrlC } from '../terminal/leaving.ts';
import { bytes } from '../terminal/numbers.ts';
import { columns } from '../terminal/table.ts';

const LOOK_EVERY_MS = 2_000;
/** What fits a screen beside the rest. */
const MOST_OPEN = 12;
const MOST_ENDED = 4;
const MOST_DEATHS = 2;
const BAR_WIDTH = 12;
const LONGEST_NAME = 24;
const CLEAR = '\x1b[2J\x1b[H';

/** What is looked at, each as the API gives it. */
interface Stand {
  health: Health;
  workers: WorkerPool;
  open: { items: ListedRun[]; total: number };
  ended: { items: ListedRun[]; total: number };
}

/** `mtm status`: one screen of what runs, what waits and what has a problem; with `watch` drawn again until Ctrl-C. */
export async function showStatus(session: Session, { watch }: { watch?: true }): Promise<void> {
  const look = async () => {
    const stand = await standOf(session);
    session.print(stand, () => `${watch && process.stdout.isTTY ? CLEAR : ''}${statusText(session.server.url, stand)}`);
  };
  if (!watch) return await look();
  const left = leavingByCtrlC();
  while (!left.signal.aborted) {
    await look().catch((error: unknown) => {
      if (!(error instanceof CommandFailure) || error.exitCode !== EXIT.unreachable) throw error;
      session.say(`${error.message} Asking again…`);
    });
    await after(LOOK_EVERY_MS, undefined, { signal: left.signal }).catch(() => {});
  }
  throw new CommandFailure('Left. Everything goes on.', EXIT.left);
}

async function standOf({ client }: Session): Promise<Stand> {
  const runs = (status: 'open' | 'ended', page_size: number) =>
    bodyOf(
      client.GET('/api/v1/runs/', {
        params: { query: { status, page_size, sort: status === 'open' ? 'id' : '-completed_at' } },
      }),
    );
  const [health, workers, open, ended] = await Promise.all([
    bodyOf(client.GET('/api/v1/health')),
    bodyOf(client.GET('/api/v1/workers/')),
    runs('open', MOST_OPEN),
    runs('ended', MOST_ENDED),
  ]);
  return { health, workers, open, ended };
}

function statusText(url: string, { health, workers, open, ended }: Stand): string {
  const running = open.items.filter((run) => waitingText(run) === null);
  const waiting = open.items.filter((run) => waitingText(run) !== null);
  const more = open.total - open.items.length;
  return [
    `${colours.bold('Model Training Manager')} ${health.version}   ${url}   ${healthText(health)}`,
    `Workers   ${workersText(workers)}`,
    ...disksLine(workers),
    '',
    section(
      'Running',
      running.map(runningRow),
      open.total === 0 ? 'nothing: `mtm train FILE --model NAME` begins' : 'nothing',
    ),
    section(
      'Waiting',
      waiting.map((run) => [...nameOf(run), waitingText(run) ?? '']),
      'nothing',
    ),
    ...(more > 0 ? [`  … and ${more} more: \`mtm job list\`, \`mtm project list\``] : []),
    section('Problems', problemsOf(health, workers), 'none'),
    section(
      'Ended',
      ended.items.map((run) => [...nameOf(run), outcomeOf(run)]),
      'nothing yet',
    ),
  ].join('\n');
}

function healthText({ status, components }: Health): string {
  if (status === 'healthy') return colours.green('healthy');
  const away = Object.entries(components).filter(([, is]) => is === 'down');
  return colours.red(`${away.map(([name]) => name).join(' and ')} away`);
}

function workersText({ total_workers, max_workers, busy_workers, idle_workers, hosts }: WorkerPool): string {
  const free = hosts.map(
    ({ name, free_slots, devices, drain }) =>
      `${name} (${devices.join(', ')}${drain ? `, ${drain.state}` : free_slots === null ? '' : `, room for ${free_slots} more`})`,
  );
  return `${total_workers} of ${max_workers}: ${busy_workers} busy, ${idle_workers} idle   on ${free.join(', ') || 'no host'}`;
}

/** What is free of each disk; one that several hosts share, once. */
function disksLine({ hosts }: WorkerPool): string[] {
  const up = hosts.filter(({ status }) => status === 'up');
  const told = up.flatMap(({ disks }) =>
    disks.map(({ path, holds, bytes: all, free_bytes }) => {
      const text = `${bytes(free_bytes)} of ${bytes(all)} free for ${holds.map((held) => HELD[held]).join(', ')}`;
      return [`${path} ${all}`, text] as const;
    }),
  );
  return told.length === 0 ? [] : [`Disk      ${[...new Map(told).values()].join('   ')}`];
}

const HELD = { home: 'datasets and runs', outputs: 'outputs', models: 'base models' };

function runningRow(run: ListedRun): string[] {
  const full = Math.round((BAR_WIDTH * run.progress) / 100);
  const bar = `${'█'.repeat(full)}${'░'.repeat(BAR_WIDTH - full)}`;
  return [...nameOf(run), bar, `${String(Math.floor(run.progress)).padStart(3)} %`, progressText(run)];
}

/** Of what is not as it should be, why, and whose. */
function problemsOf({ components, schema }: Health, { workers, hosts, deaths }: WorkerPool): string[][] {
  const isShown = (id: string) => workers.some((worker) => worker.id === id && worker.status === 'error');
  const died = deaths.filter(({ worker_id }) => !isShown(worker_id)).slice(0, MOST_DEATHS);
  return [
    ...Object.entries(components).flatMap(([name, is]) => (is === 'down' ? [[name, 'does not answer']] : [])),
    ...(schema.database !== null && schema.database !== schema.service
      ? [
          [
            'database',
            `has the schema ${schema.database}, and the service is of ${schema.service}: start it again, of the later version`,
          ],
        ]
      : []),
    ...hosts.flatMap(({ name, status }) => (status === 'away' ? [[name, 'this host does not report any more']] : [])),
    ...hosts.flatMap(({ name, status, disks }) =>
      status === 'away'
        ? []
        : disks.flatMap(({ path, is_short, free_bytes }) => (is_short ? [[name, shortText(path, free_bytes)]] : [])),
    ),
    ...workers.flatMap(({ id, status, reason }) => (status === 'error' ? [[id, reason ?? 'error']] : [])),
    ...died.map(({ worker_id, reason, at }) => [worker_id, `ended at ${at.slice(11, 19)}: ${reason ?? 'unknown'}`]),
  ];
}

function shortText(path: string, free: number): string {
  return `only ${bytes(free)} are free at ${path}: make room there, or runs pause and uploads are refused`;
}

function outcomeOf(run: ListedRun): string {
  if (run.status === 'failed') return `failed: ${run.error_message ?? phaseText(run.phase)}`;
  if (run.status !== 'completed' || run.verdict === null) return run.status;
  return run.verdict === 'worse' ? 'completed, WORSE than its base' : `completed, ${run.verdict}`;
}

function nameOf({ owner: { kind, id, name }, number }: ListedRun): [string, string] {
  return [`${kind}-${id}-run-${number}`, name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME - 1)}…` : name];
}

/** A head, and its rows below it, cut where the terminal ends. */
function section(head: string, rows: string[][], none: string): string {
  const title = colours.bold(head.padEnd(9));
  if (rows.length === 0) return `${title} ${colours.dim(none)}`;
  const width = process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY;
  const lines = columns(rows.map((cells) => cells.map((cell) => cell.replaceAll('\n', ' ')))).split('\n');
  return [title.trimEnd(), ...lines.map((line) => tinted(cut(`  ${line}`, width)))].join('\n');
}

function cut(line: string, width: number): string {
  return line.length <= width ? line : `${line.slice(0, width - 1)}…`;
}

/** After it was cut, since colours are characters too. */
function tinted(line: string): string {
  return line.replace(/failed(?=:)|WORSE than its base/, (bad) => colours.red(bad));
}
