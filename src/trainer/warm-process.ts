import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, constants, openSync, readlinkSync } from 'node:fs';
import { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import {
  type ProcessEnd,
  type PythonCommand,
  type PythonProcess,
  pythonArguments,
  pythonSpawnOptions,
  withLog,
} from './python-process.ts';

/** What it has loaded (trainer/preloading.py). */
export type Libraries = 'trainings' | 'answers' | 'tokenizers';

/** It does not run this command: it must be run by itself. */
export interface Refused {
  refused: string;
}

type Pipe = 'stdin' | 'stdout' | 'stderr' | 'events';
interface Copy {
  pid: number;
  fds: Partial<Record<Pipe, number>>;
  ended: Promise<ProcessEnd>;
}
/** What `trainer/warm.py` says. */
type Said =
  | { ready: true }
  | { away: string }
  | { id: number; pid: number; fds: Copy['fds'] }
  | { id: number; refused: string }
  | ({ pid: number } & ProcessEnd);

/** On slow disks libraries take long to load. A command that has waited so long for them loads its own. */
const READY_WITHIN_MS = 60_000;
const STARTED_WITHIN_MS = 10_000;
/** The title of a process takes the place of its command line: room for long paths. */
const ROOM_FOR_TITLE = ' '.repeat(4_000);

/** A process that has libraries loaded, and runs commands in copies of itself (trainer/warm.py). Linux alone. */
export class WarmProcess {
  readonly libraries: Libraries;
  /** Resolves when it has ended, with the reason. */
  readonly gone: Promise<string>;
  readonly #child: ChildProcess;
  readonly #ready: Promise<boolean>;
  #becomeReady: (isReady: boolean) => void = () => {};
  #wasReady = false;
  #away: string | null = null;
  #isOver = false;
  #ids = 0;
  readonly #asked = new Map<number, (answer: Copy | Refused) => void>();
  readonly #running = new Map<number, (end: ProcessEnd) => void>();
  readonly #onIdle: () => void;

  /** `onIdle` is called whenever the last copy that ran has ended. */
  constructor(python: string, libraries: Libraries, onIdle: () => void) {
    this.libraries = libraries;
    this.#onIdle = onIdle;
    const command = { module: 'trainer.warm', arguments: [libraries, ROOM_FOR_TITLE] };
    this.#child = spawn(python, pythonArguments(command), {
      ...pythonSpawnOptions(),
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#child.stdin?.on('error', () => {});
    this.#ready = new Promise((resolve) => {
      this.#becomeReady = resolve;
    });
    this.gone = new Promise((resolve) => {
      this.#child.once('error', (error) => resolve(this.#end(error.message)));
      this.#child.once('exit', (code, signal) => resolve(this.#end(signal ? `signal ${signal}` : `exit code ${code}`)));
    });
    void this.#hear();
    // It ends with us: nothing here waits for it.
    this.#child.unref();
    for (const stream of [this.#child.stdin, this.#child.stdout]) if (stream instanceof Socket) stream.unref();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Whether it has ever had its libraries loaded. */
  get wasReady(): boolean {
    return this.#wasReady;
  }

  get isIdle(): boolean {
    return this.#asked.size === 0 && this.#running.size === 0;
  }

  /** Runs a command in a copy. */
  async start(command: PythonCommand): Promise<PythonProcess | Refused> {
    if (!(await within(READY_WITHIN_MS, this.#ready, false)))
      return { refused: this.#isOver ? 'it has ended' : `it was not ready within ${READY_WITHIN_MS / 1000} s` };
    return await withLog(command.logFile, async (log) => {
      const id = ++this.#ids;
      const answered = new Promise<Copy | Refused>((resolve) => {
        if (this.#isOver) resolve({ refused: 'it has ended' });
        else this.#asked.set(id, resolve);
      });
      const logFile = log && `/proc/${process.pid}/fd/${log.fd}`;
      const { module, arguments: given, hasEvents } = command;
      this.#tell({ id, module, arguments: given, log: logFile, events: hasEvents });
      const answer = await within(STARTED_WITHIN_MS, answered, null);
      this.#asked.delete(id);
      if (answer === null) {
        // With the copy that it may have begun to make.
        await this.close();
        return { refused: `it did not answer within ${STARTED_WITHIN_MS / 1000} s` };
      }
      return 'refused' in answer ? answer : this.#connect(answer);
    });
  }

  /** It takes no command any more, and ends when those that run have ended. */
  retire(): void {
    this.#tell({ retire: true });
  }

  /** Ends it at once, and with it what still runs. */
  async close(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.gone;
  }

  /** Opens our ends of the pipes of a copy, which the warm process holds until then. */
  #connect({ pid, fds, ended }: Copy): PythonProcess | Refused {
    const opened: number[] = [];
    const place = (fd: number) => `/proc/${this.pid}/fd/${fd}`;
    const end = (name: Pipe, flags: number): Socket | null => {
      const fd = fds[name];
      if (fd === undefined) return null;
      opened.push(openSync(place(fd), flags | constants.O_NONBLOCK));
      const isOurs = { readable: flags === constants.O_RDONLY, writable: flags === constants.O_WRONLY };
      return new Socket({ fd: opened.at(-1) as number, ...isOurs });
    };
    const sockets: (Socket | null)[] = [];
    try {
      const stdin = end('stdin', constants.O_WRONLY);
      sockets.push(stdin);
      for (const name of ['stdout', 'stderr', 'events'] as const) sockets.push(end(name, constants.O_RDONLY));
      // A pipe whose other end had gone already would never be seen to end.
      for (const fd of Object.values(fds)) readlinkSync(place(fd));
      const [, stdout = null, stderr = null, events = null] = sockets;
      if (!stdin) throw new Error('A copy without standard input.');
      this.#tell({ taken: pid });
      void ended.then(() => stdin.destroy());
      return { pid, stdin, stdout, stderr, events, ended };
    } catch (error) {
      for (const socket of sockets) socket?.destroy();
      if (sockets.length < opened.length) closeSync(opened.at(-1) as number);
      // Its pipes are gone with it, and so is the copy.
      void this.close();
      return { refused: `it went away: ${error instanceof Error ? error.message : error}` };
    }
  }

  #tell(said: object): void {
    if (!this.#isOver) this.#child.stdin?.write(`${JSON.stringify(said)}\n`);
  }

  async #hear(): Promise<void> {
    if (!this.#child.stdout) return;
    for await (const line of createInterface({ input: this.#child.stdout })) {
      const said = JSON.parse(line) as Said;
      if ('ready' in said) {
        this.#wasReady = true;
        this.#becomeReady(true);
      } else if ('away' in said) this.#away = said.away;
      else if ('refused' in said) this.#asked.get(said.id)?.(said);
      else if ('fds' in said) this.#began(said);
      else this.#ended(said.pid, said);
    }
  }

  #began({ id, pid, fds }: { id: number; pid: number; fds: Copy['fds'] }): void {
    const ended = new Promise<ProcessEnd>((resolve) => this.#running.set(pid, resolve));
    this.#asked.get(id)?.({ pid, fds, ended });
  }

  #ended(pid: number, { code, signal }: ProcessEnd): void {
    this.#running.get(pid)?.({ code, signal });
    this.#running.delete(pid);
    if (this.isIdle) this.#onIdle();
  }

  #end(how: string): string {
    this.#isOver = true;
    this.#becomeReady(false);
    for (const answer of this.#asked.values()) answer({ refused: 'it has ended' });
    // Its copies are killed with it.
    for (const end of this.#running.values()) end({ code: null, signal: 'SIGKILL' });
    this.#running.clear();
    return this.#away ?? how;
  }
}

async function within<T>(ms: number, promise: Promise<T>, otherwise: T | null): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<T | null>((resolve) => {
    timer = setTimeout(() => resolve(otherwise), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
