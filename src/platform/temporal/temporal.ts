import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { SEARCH_ATTRIBUTES } from '../../../temporal/search-attributes.ts';
import { setUpNamespace } from '../../../temporal/set-up-namespace.ts';
import { choosePort } from '../ports.ts';
import { processStart } from '../process-identity.ts';
import { endLeftover, endProcess, startServerProcess } from '../server-process.ts';
import { ensureTemporalCli } from './temporal-cli.ts';

const START_TIMEOUT_MS = 30_000;

export interface LocalTemporal {
  address: string;
  uiUrl: string;
  /** Where the server program comes from. */
  origin: string;
  ended: Promise<void>;
  stop(): Promise<void>;
}

interface TemporalOptions {
  home: string;
  toolsDir: string;
  /** 0 takes any free port. */
  port: number;
  uiPort: number;
  namespace: string;
  onProgress: (line: string) => void;
}

/** Beside the ports that we choose, the server takes a few of its own choice. */
const TRIES_WITH_OTHER_PORTS = 3;

/**
 * Starts the Temporal development server with its Web UI on the loopback interface, its state in `home/temporal.db`.
 * A server that an earlier start left behind is ended first: the file has one user.
 * @throws Error with the log's place when it does not answer in time.
 */
export async function startTemporal(options: TemporalOptions): Promise<LocalTemporal> {
  for (let tries = 1; ; tries++) {
    try {
      return await tryToStart(options);
    } catch (error) {
      // A free port may be another's before the server listens to it. Ports that were asked for are not exchanged.
      const isChosenByUs = options.port === 0 && options.uiPort === 0;
      if (!(error instanceof EndedAtStart) || !isChosenByUs || tries === TRIES_WITH_OTHER_PORTS) throw error;
    }
  }
}

class EndedAtStart extends Error {}

async function tryToStart(options: TemporalOptions): Promise<LocalTemporal> {
  const { home } = options;
  const cli = await ensureTemporalCli(options.toolsDir, options.onProgress);
  const logFile = join(home, 'logs', 'temporal.log');
  const pidFile = pidFileOf(home);
  await mkdir(join(home, 'logs'), { recursive: true });
  await endTemporalLeftover(home);
  const port = await choosePort(options.port);
  const uiPort = await choosePort(options.uiPort);
  const server = await startServerProcess({
    // As the orchestrator, which it works for: the API and its database go first. By nice(1), so that it is so from the
    // first thread on.
    command: 'nice',
    args: [
      ...['-n', '19', cli.path],
      ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port), '--ui-port', String(uiPort)],
      ...['--db-filename', join(home, 'temporal.db'), '--namespace', options.namespace, '--log-level', 'warn'],
      ...SEARCH_ATTRIBUTES.flatMap(({ name, type }) => ['--search-attribute', `${name}=${type}`]),
    ],
    logFile,
    pidFile,
  });
  const address = `127.0.0.1:${port}`;
  const start = await processStart(server.pid);
  const stop = async () => {
    await endProcess(server.pid, start, 4_000);
    await rm(pidFile, { force: true });
  };
  const died = new AbortController();
  const abort = () => died.abort();
  void server.ended.then(abort, abort);
  try {
    await setUp(address, options.namespace, died.signal);
  } catch (error) {
    const hasDied = died.signal.aborted;
    await stop();
    if (hasDied) throw new EndedAtStart(`The local Temporal server ended at its start; its log is ${logFile}.`);
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`The local Temporal server is not ready. ${why} Its log is ${logFile}.`);
  }
  return { address, uiUrl: `http://127.0.0.1:${uiPort}`, origin: cli.origin, ended: server.ended, stop };
}

/** Ends a server that was left running when its starter was killed. Returns whether there was one. */
export async function endTemporalLeftover(home: string): Promise<boolean> {
  return await endLeftover(pidFileOf(home), 'The local Temporal server');
}

function pidFileOf(home: string): string {
  return join(home, 'temporal.pid');
}

/**
 * Waits until the server knows our namespace, which it does a moment after it began to listen, and makes it keep closed
 * workflows: the server keeps those of a namespace that it makes for one day. Search attributes it adds to a new one alone.
 */
async function setUp(address: string, namespace: string, signal: AbortSignal): Promise<void> {
  await setUpNamespace({
    namespace,
    isOurs: true,
    timeoutMs: START_TIMEOUT_MS,
    connect: async () => {
      const connection = await Connection.connect({ address, connectTimeout: 1_000 });
      return { connection, close: () => connection.close() };
    },
    onNotice: () => {},
    signal,
  });
}
