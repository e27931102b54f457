import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { requireSafeAddress } from '../../api/http/safe-address.ts';
import { requireRestored } from '../../commands/backups/restoring.ts';
import { countLiveKeys } from '../../models/keys/count-keys.ts';
import { migrate } from '../../models/migrate.ts';
import type { Env } from '../../platform/env.ts';
import { toVariables } from '../../platform/env-variables.ts';
import { choosePort, isPortFree } from '../../platform/ports.ts';
import { endPostgresLeftover, startPostgres } from '../../platform/postgres/postgres.ts';
import { compactHistories } from '../../platform/temporal/compact.ts';
import { setUpOutsideTemporal } from '../../platform/temporal/set-up.ts';
import { endTemporalLeftover, startTemporal } from '../../platform/temporal/temporal.ts';
import { keepIdsUnique } from '../../runs/ids-on-disk.ts';
import { stopTimeMs } from '../host-agent/worker-processes.ts';
import { lockHome } from './home-lock.ts';
import { ServiceProcess } from './service-process.ts';
import { StandIn } from './stand-in.ts';

/** The service, running on this machine. */
export interface RunningService {
  apiUrl: string;
  /** Null when an outside Temporal is used: its Web UI is elsewhere. */
  temporalUiUrl: string | null;
  databaseUrl: string;
  temporalAddress: string;
  /** Ends every process that was started, in order. */
  stop(): Promise<void>;
}

/** A process of the service whose starter was killed ends by itself within this time. */
const LEFTOVERS_GONE_MS = 12_000;

interface Server {
  ended: Promise<void>;
  stop(): Promise<void>;
}

/**
 * Brings up all of the service: PostgreSQL and Temporal unless outside ones are named, migrations, API, orchestrator and
 * host agent. What was started is ended again when a later part fails.
 * @throws Error with a sentence for the user.
 */
export async function startService(env: Env, onProgress: (line: string) => void): Promise<RunningService> {
  await mkdir(join(env.home, 'logs'), { recursive: true });
  const lock = await lockHome(env.home);
  const stops: (() => Promise<void>)[] = [lock.release];
  let stopping = false;
  const endAll = async () => {
    stopping = true;
    const failed: unknown[] = [];
    // One that fails keeps none of the others from ending.
    for (const end of stops.splice(0).reverse()) await end().catch((error: unknown) => failed.push(error));
    for (const error of failed) throw error;
  };
  // Whoever asks again waits for the same end.
  let ended: Promise<void> | undefined;
  const stop = () => {
    ended ??= endAll();
    return ended;
  };
  lock.watch(() => {
    onProgress(
      `The lock of ${env.home} (home.lock) is another's now, or was removed: another start may use the same data. Everything is ended.`,
    );
    void stop()
      .catch(() => {})
      .then(() => process.exit(1));
  });
  const mayRun = async () => !stopping && (await lock.isHeld());
  try {
    await requireRestored(env.home);
    const killedBefore = (await Promise.all([endPostgresLeftover(env.home), endTemporalLeftover(env.home)])).includes(
      true,
    );
    await checkPorts(env, killedBefore ? LEFTOVERS_GONE_MS : 0);
    const [postgres, temporal] = await settleBoth(
      env.databaseUrl ? null : startPostgres({ home: env.home, port: env.postgresPort }),
      env.temporalAddress
        ? null
        : compactHistories(env.home, onProgress).then(() =>
            startTemporal({
              ...env,
              port: env.temporalPort,
              uiPort: env.temporalUiPort,
              namespace: env.temporalNamespace,
              onProgress,
            }),
          ),
      stops,
    );
    const databaseUrl = postgres?.url ?? required(env.databaseUrl);
    const temporalAddress = temporal?.address ?? required(env.temporalAddress);
    if (postgres) keepRunning(postgres, () => startPostgres({ home: env.home, port: postgres.port }), stops, mayRun);
    if (temporal) {
      const [port, uiPort] = [portOf(temporal.address), portOf(temporal.uiUrl)];
      const again = () => startTemporal({ ...env, port, uiPort, namespace: env.temporalNamespace, onProgress });
      keepRunning(temporal, again, stops, mayRun);
    }
    await migrate(databaseUrl);
    await requireSafeAddress(env, () => countLiveKeys(databaseUrl));
    for (const sentence of await keepIdsUnique(databaseUrl, env.home)) onProgress(sentence);
    if (!temporal) await setUpOutsideTemporal(env, onProgress);

    const apiPort = await choosePort(env.port);
    const temporalUiUrl = env.temporalUiUrl ?? temporal?.uiUrl;
    const settings = toVariables({ ...env, databaseUrl, temporalAddress, temporalUiUrl, port: apiPort });
    const processes = (['orchestrator', 'host', 'api'] as const).map(
      (name) =>
        new ServiceProcess(name, join(env.home, 'logs'), settings, {
          stopGraceMs: name === 'host' ? agentStopMs(env) : undefined,
          ...(name === 'api' ? { standIn: new StandIn(apiPort, env.host) } : {}),
        }),
    );
    // Begun together and ended one after another: no new requests first, then no new work, then the workflows.
    for (const process of processes) stops.push(() => process.stop());
    await Promise.all(processes.map((process) => process.start()));
    return {
      apiUrl: `http://${env.host === '0.0.0.0' ? '127.0.0.1' : env.host}:${apiPort}`,
      temporalUiUrl: temporalUiUrl ?? null,
      databaseUrl,
      temporalAddress,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Both at once, since each takes its time; when one fails, the other is ended with the rest. */
async function settleBoth<A extends Server, B extends Server>(
  a: Promise<A> | null,
  b: Promise<B> | null,
  stops: (() => Promise<void>)[],
): Promise<[A | null, B | null]> {
  const [first, second] = await Promise.allSettled([a, b]);
  for (const result of [first, second]) {
    if (result.status === 'fulfilled' && result.value) stops.push(result.value.stop);
  }
  if (first.status === 'rejected') throw first.reason;
  if (second.status === 'rejected') throw second.reason;
  return [first.value, second.value];
}

/** Starts a server again, on the same port, when it dies while the service runs. */
function keepRunning(
  server: Server,
  startAgain: () => Promise<Server>,
  stops: (() => Promise<void>)[],
  mayRun: () => Promise<boolean>,
): void {
  const place = stops.indexOf(server.stop);
  void server.ended.then(async () => {
    for (let delayMs = 200; await mayRun(); delayMs = Math.min(delayMs * 2, 10_000)) {
      await after(delayMs);
      if (!(await mayRun())) return;
      try {
        const next = await startAgain();
        if (!(await mayRun())) return await next.stop();
        stops[place] = next.stop;
        return keepRunning(next, startAgain, stops, mayRun);
      } catch {
        // Its port may still be going free; the next try tells.
      }
    }
  });
}

/**
 * Every port is looked at before anything is started, so that a refusal leaves nothing behind. After a start that was
 * killed, its API may still be closing: it is given `patienceMs`.
 */
async function checkPorts(env: Env, patienceMs: number): Promise<void> {
  const needed = [
    { port: env.port, host: env.host, what: 'the API', variable: 'MTM_PORT' },
    ...(env.databaseUrl
      ? []
      : [{ port: env.postgresPort, host: '127.0.0.1', what: 'PostgreSQL', variable: 'MTM_POSTGRES_PORT' }]),
    ...(env.temporalAddress
      ? []
      : [
          { port: env.temporalPort, host: '127.0.0.1', what: 'Temporal', variable: 'MTM_TEMPORAL_PORT' },
          {
            port: env.temporalUiPort,
            host: '127.0.0.1',
            what: 'the Temporal Web UI',
            variable: 'MTM_TEMPORAL_UI_PORT',
          },
        ]),
  ];
  const look = async () => {
    const taken: string[] = [];
    for (const { port, host, what, variable } of needed) {
      if (port === 0 || (await isPortFree(port, host))) continue;
      taken.push(`Port ${port} for ${what} is taken: set ${variable} to another one (0 takes any free port).`);
    }
    return taken;
  };
  const deadline = performance.now() + patienceMs;
  let taken = await look();
  while (taken.length > 0 && performance.now() < deadline) {
    await after(200);
    taken = await look();
  }
  if (taken.length > 0)
    throw new Error(
      `${taken.join('\n')}\nOr end what listens there; it may be a start of this service in another terminal.`,
    );
}

/** The agent waits for trainers that save, and needs a moment for itself. */
function agentStopMs(env: Env): number {
  return stopTimeMs(env) + 2_000;
}

function required(value: string | undefined): string {
  if (value === undefined) throw new Error('A setting that was checked is missing.');
  return value;
}

function portOf(address: string): number {
  return Number(address.split(':').at(-1));
}
