import { existsSync } from 'node:fs';
import { availableParallelism, homedir, hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

/** The folder of the project itself, where package.json is. */
export const PROJECT_ROOT = rootAbove(dirname(fileURLToPath(import.meta.url)));

/** The folder of package.json: this file is in src/ or, compiled, in dist/. */
function rootAbove(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : rootAbove(dirname(folder));
}

const port = z.coerce.number().int().min(0).max(65535);
const text = z.string().trim().min(1);

/** Every environment variable that the service reads. An empty value counts as not set. */
const EnvSchema = z.object({
  MTM_HOME: text.default('./data'),
  MTM_HOST: text.default('127.0.0.1'),
  MTM_PORT: port.default(8000),
  MTM_API_KEYS: z.string().default(''),
  MTM_ALLOWED_HOSTS: z.string().default(''),
  MTM_TRUST_NETWORK: z.enum(['true', 'false']).default('false'),
  MTM_POSTGRES_PORT: port.default(5433),
  MTM_TEMPORAL_PORT: port.default(7233),
  MTM_TEMPORAL_UI_PORT: port.default(8233),
  MTM_TEMPORAL_UI_URL: z.url({ protocol: /^https?$/ }).optional(),
  MTM_TOOLS: text.default(join(PROJECT_ROOT, '.tools')),
  MTM_PYTHON: text.optional(),
  MTM_PIP_ARGS: z.string().default(''),
  MTM_OUTPUT_ROOTS: text.optional(),
  MTM_MODEL_ROOTS: text.optional(),
  MTM_HOST_NAME: text
    .regex(/^[A-Za-z0-9._-]{1,63}$/, 'use 1-63 letters, digits, ".", "_" or "-"')
    .default(hostname().replace(/[^A-Za-z0-9._-]/g, '-') || 'localhost'),
  MTM_DEVICES: text
    .regex(/^(cpu|cuda:[\w-]{1,58}(,\s*cuda:[\w-]{1,58})*)$/, 'use "cpu", or a list as "cuda:0,cuda:1"')
    .optional(),
  MTM_DEVICES_PER_RUN: z.coerce.number().int().min(1).max(16).default(1),
  MTM_TRAINER_THREADS: z.coerce.number().int().min(1).default(availableParallelism()),
  MTM_WARM_TRAINERS: z.enum(['true', 'false']).default('true'),
  MTM_VALIDATION_MAX_NEW_TOKENS: z.coerce.number().int().min(1).optional(),
  MTM_ENVIRONMENT: text.default('production'),
  MTM_LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  MTM_HEARTBEAT_TIMEOUT_MS: z.coerce.number().int().min(3_000).max(600_000).default(30_000),
  MTM_CHECKPOINT_PERCENT: z.coerce.number().gt(0).max(100).default(3),
  MTM_STALL_TIMEOUT_MS: z.coerce.number().int().min(1_000).default(600_000),
  MTM_GIVE_UP_AFTER_MS: z.coerce
    .number()
    .int()
    .min(1_000)
    .default(6 * 3_600_000),
  MTM_KEEP_WORK_DAYS: z.coerce.number().min(0).default(7),
  MTM_STOP_GRACE_MS: z.coerce.number().int().min(1_000).max(600_000).default(5_000),
  MTM_MAX_UPLOAD_BYTES: z.coerce
    .number()
    .int()
    .min(1)
    .default(16 * 1024 ** 3),
  DATABASE_URL: text.optional(),
  TEMPORAL_ADDRESS: text.optional(),
  TEMPORAL_NAMESPACE: text.default('default'),
  HF_HOME: text.optional(),
  HF_HUB_CACHE: text.optional(),
  OLLAMA_MODELS: text.optional(),
});

/** The settings of one process, resolved: every path is absolute. */
export interface Env {
  /** Where everything that the service keeps lies (`MTM_HOME`). */
  home: string;
  host: string;
  port: number;
  /** Keys of which every request must carry one; none: no authentication. */
  apiKeys: string[];
  /** Names, beside loopback and addresses, under which the API may be asked for. */
  allowedHosts: string[];
  /** Who reaches the address may use the API: it may listen beyond loopback without keys. */
  trustNetwork: boolean;
  /** Ports of the embedded servers; 0 asks for any free port. */
  postgresPort: number;
  temporalPort: number;
  temporalUiPort: number;
  /** Where people find Temporal's Web UI, where the service does not start it itself. */
  temporalUiUrl: string | undefined;
  /** Where missing programs (Temporal, the trainer's Python) are installed. */
  toolsDir: string;
  /** A Python interpreter that already has the trainer's requirements. */
  python: string | undefined;
  /** Extra arguments for `pip install` of the trainer's requirements. */
  pipArgs: string[];
  /** Directories under which outputs may be written; the first one takes relative paths. */
  outputRoots: string[];
  /** Directories below which a directory may be a base model. */
  modelRoots: string[];
  /** Name of this machine in the worker pool; also names its Temporal task queue. */
  hostName: string;
  /** What the workers of this machine may train on; undefined: what is found, see devices.ts. */
  devices: string[] | undefined;
  /** How many GPUs a run has, or processes that share the CPU. */
  devicesPerRun: number;
  /** CPU threads of the trainer of a run that is asked for now; kept with the run. */
  trainerThreads: number;
  /** Trainers are copies of a process that has their libraries loaded, where that can be done. */
  warmTrainers: boolean;
  /** Most tokens of each answer in the validation of a run that is asked for now; kept with the run. Undefined: the trainer decides. */
  validationMaxNewTokens: number | undefined;
  environment: string;
  logLevel: string;
  /** How long a silent training worker is believed alive; lease and watchdog derive from it. */
  heartbeatTimeoutMs: number;
  /** Most of the training time that saving checkpoints may take, where the user did not set save_steps. */
  checkpointPercent: number;
  /** A trainer that tells no step for so long is hung: it is killed, and tried again from its last checkpoint. */
  stallTimeoutMs: number;
  /** A run that is tried again and again for so long without a step of progress is given up. */
  giveUpAfterMs: number;
  /** So many days after its model was published, what a run needs no more is removed. */
  keepWorkDays: number;
  /** How long a host that is stopped waits for its trainers to save. What is cut off goes on from its last checkpoint. */
  stopGraceMs: number;
  maxUploadBytes: number;
  /** Set: an outside PostgreSQL. Not set: the embedded one. */
  databaseUrl: string | undefined;
  /** Set: an outside Temporal. Not set: the local one. */
  temporalAddress: string | undefined;
  temporalNamespace: string;
  /** The Hugging Face hub cache directory in which base models are looked up. */
  modelCache: string;
  /** Ollama's directory of models, from which some can be imported. */
  ollamaStore: string;
}

/** DuckDB takes such a path for a pattern, and it may look into no folder but the ones that it is given. */
const GLOB = /[*?[]/;

/**
 * Reads the settings from environment variables.
 * @throws Error with one sentence per wrong variable, naming it, its value and what it may be.
 */
export function loadEnv(source: NodeJS.ProcessEnv = process.env): Env {
  const given = Object.fromEntries(Object.entries(source).filter(([, value]) => value !== ''));
  const parsed = EnvSchema.safeParse(given);
  if (!parsed.success) {
    const sentences = parsed.error.issues.map(
      (issue) => `${issue.path.join('.')} is ${JSON.stringify(given[String(issue.path[0])])}: ${issue.message}.`,
    );
    throw new Error(`Wrong settings. ${sentences.join(' ')}`);
  }
  const e = parsed.data;
  const home = resolve(e.MTM_HOME);
  if (GLOB.test(home))
    throw new Error(
      `Wrong settings. MTM_HOME is ${JSON.stringify(home)}: a path with *, ? or [ stands for many files where data is read; choose one without them.`,
    );
  return {
    home,
    host: e.MTM_HOST,
    port: e.MTM_PORT,
    apiKeys: listOf(e.MTM_API_KEYS),
    allowedHosts: listOf(e.MTM_ALLOWED_HOSTS).map((name) => name.toLowerCase()),
    trustNetwork: e.MTM_TRUST_NETWORK === 'true',
    postgresPort: e.MTM_POSTGRES_PORT,
    temporalPort: e.MTM_TEMPORAL_PORT,
    temporalUiPort: e.MTM_TEMPORAL_UI_PORT,
    temporalUiUrl: e.MTM_TEMPORAL_UI_URL?.replace(/\/$/, ''),
    toolsDir: resolve(e.MTM_TOOLS),
    python: e.MTM_PYTHON,
    pipArgs: e.MTM_PIP_ARGS.split(/\s+/).filter(Boolean),
    outputRoots: e.MTM_OUTPUT_ROOTS ? directoriesOf(e.MTM_OUTPUT_ROOTS) : [join(home, 'outputs')],
    modelRoots: directoriesOf(e.MTM_MODEL_ROOTS ?? ''),
    hostName: e.MTM_HOST_NAME,
    devices: devicesFrom(e.MTM_DEVICES, source.CUDA_VISIBLE_DEVICES),
    devicesPerRun: e.MTM_DEVICES_PER_RUN,
    trainerThreads: e.MTM_TRAINER_THREADS,
    warmTrainers: e.MTM_WARM_TRAINERS === 'true',
    validationMaxNewTokens: e.MTM_VALIDATION_MAX_NEW_TOKENS,
    environment: e.MTM_ENVIRONMENT,
    logLevel: e.MTM_LOG_LEVEL,
    heartbeatTimeoutMs: e.MTM_HEARTBEAT_TIMEOUT_MS,
    checkpointPercent: e.MTM_CHECKPOINT_PERCENT,
    stallTimeoutMs: e.MTM_STALL_TIMEOUT_MS,
    giveUpAfterMs: e.MTM_GIVE_UP_AFTER_MS,
    keepWorkDays: e.MTM_KEEP_WORK_DAYS,
    stopGraceMs: e.MTM_STOP_GRACE_MS,
    maxUploadBytes: e.MTM_MAX_UPLOAD_BYTES,
    databaseUrl: e.DATABASE_URL,
    temporalAddress: e.TEMPORAL_ADDRESS,
    temporalNamespace: e.TEMPORAL_NAMESPACE,
    modelCache: resolve(e.HF_HUB_CACHE ?? join(e.HF_HOME ?? join(homedir(), '.cache', 'huggingface'), 'hub')),
    ollamaStore: resolve(e.OLLAMA_MODELS ?? join(homedir(), '.ollama', 'models')),
  };
}

/** What is set, or else what CUDA_VISIBLE_DEVICES leaves visible; undefined when neither says anything. */
function devicesFrom(given: string | undefined, visible: string | undefined): string[] | undefined {
  if (given !== undefined) return [...new Set(listOf(given))];
  if (visible === undefined) return undefined;
  const gpus = listOf(visible).filter((entry) => /^[\w-]+$/.test(entry) && entry !== '-1');
  return gpus.length > 0 ? gpus.map((entry) => `cuda:${entry}`) : ['cpu'];
}

function directoriesOf(text: string): string[] {
  return text
    .split(':')
    .filter(Boolean)
    .map((directory) => resolve(directory));
}

function listOf(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);
}

/** Environment for a child process of the service: what we were given, with `overrides` on top. */
export function childEnv(overrides: Record<string, string>): NodeJS.ProcessEnv {
  return { ...process.env, ...overrides };
}
