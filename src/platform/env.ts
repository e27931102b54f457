import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { EnvSchema } from './env-schema.ts';
import { PROJECT_ROOT } from './project-root.ts';

export { PROJECT_ROOT };

/** The settings of one process, resolved: every path is absolute. */
export interface Env {
  /** Where everything that the service keeps lies (`MTM_HOME`). */
  home: string;
  host: string;
  port: number;
  /** Keys of which every request must carry one; none: no authentication. */
  apiKeys: string[];
  /** The service that the command line talks to (`MTM_SERVER`); undefined: the one of this machine. */
  server: string | undefined;
  /** The key that the command line sends; undefined: the first of `apiKeys`. */
  apiKey: string | undefined;
  /** Names, beside loopback and addresses, under which the API may be asked for. */
  allowedHosts: string[];
  /** Addresses and networks of proxies, which say for whom they ask. */
  proxies: string[];
  /** Who reaches the address may use the API: it may listen beyond loopback without keys. */
  trustNetwork: boolean;
  /** Where people open the page, for what they are told of (`MTM_PUBLIC_URL`); undefined: messages have no address. */
  publicUrl: string | undefined;
  /** Webhooks may go to addresses that are not of the internet. */
  webhooksAllowPrivate: boolean;
  /** The mail server, with its password, and who e-mails are from; undefined: there is no e-mail. */
  smtpUrl: string | undefined;
  mailFrom: string | undefined;
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
  /** A folder that has the packages of trainer/requirements-exports.txt. */
  exportPackages: string | undefined;
  /** The MLflow server that runs may be told to, with its user and password where it has them; undefined: none. */
  mlflowUrl: string | undefined;
  mlflowToken: string | undefined;
  /** The folder that W&B's files are written to; undefined: none. */
  wandbDir: string | undefined;
  /** The folder of trackio's databases; undefined: none. */
  trackioDir: string | undefined;
  /** What trackers call the runs of this service together: an experiment of MLflow, a project of the others. */
  trackerProject: string;
  /** Extra arguments for `pip install` of the trainer's requirements. */
  pipArgs: string[];
  /** Directories under which outputs may be written; the first one takes relative paths. */
  outputRoots: string[];
  /** The bucket in which hosts without a common folder find one another's files (`MTM_STORE_URL`); undefined: they have a common folder. */
  storeUrl: string | undefined;
  /** Where that is, of a store that is not Amazon's. */
  storeEndpoint: string | undefined;
  /** The region of its bucket, which stores that are not Amazon's take no notice of. */
  storeRegion: string;
  /** Directories below which a directory may be a base model. */
  modelRoots: string[];
  /** Name of this machine in the worker pool; also names its Temporal task queue. */
  hostName: string;
  /** What the workers of this machine may train on; undefined: what is found, see devices.ts. */
  devices: string[] | undefined;
  /** How many GPUs a run has, or processes that share the CPU. */
  devicesPerRun: number;
  /** The most of this machine's memory that a training is planned to take; undefined: all of it, or what its control group allows. */
  memoryBytes: number | undefined;
  /** CPU threads of the trainer of a run that is asked for now; kept with the run. */
  trainerThreads: number;
  /** Trainers are copies of a process that has their libraries loaded, where that can be done. */
  warmTrainers: boolean;
  /** Most tokens of each answer in the validation of a run that is asked for now; kept with the run. Undefined: the trainer decides. */
  validationMaxNewTokens: number | undefined;
  /** Where models answer: beside trainings, which have the GPUs unless somebody says so. */
  servingDevice: string;
  /** CPU threads of a model that answers. */
  servingThreads: number;
  /** How many models may be in memory to answer. */
  servingModels: number;
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
  /** So many days the audit list keeps who did what. */
  keepAuditDays: number;
  /** The folder that the service backs itself up into (`MTM_BACKUP_DIR`); undefined: it does not. */
  backupDir: string | undefined;
  backupEveryHours: number;
  /** So many backups of its own are left there. */
  backupKeep: number;
  /** The file with the passphrase that backups are encrypted with; undefined: they are not. */
  backupPassphraseFile: string | undefined;
  /** How long a host that is stopped waits for its trainers to save. What is cut off goes on from its last checkpoint. */
  stopGraceMs: number;
  maxUploadBytes: number;
  /** Set: an outside PostgreSQL. Not set: the embedded one. */
  databaseUrl: string | undefined;
  /** Set: an outside Temporal. Not set: the local one. */
  temporalAddress: string | undefined;
  temporalNamespace: string;
  /** Where a collector of OpenTelemetry takes traces; undefined: there are none. */
  tracesEndpoint: string | undefined;
  tracesProtocol: 'http/protobuf' | 'http/json';
  /** The Hugging Face hub cache directory in which base models are looked up. */
  modelCache: string;
  /** The hub that models are fetched from: Hugging Face's, or a mirror of it. */
  hubEndpoint: string;
  /** Nothing is fetched from any hub. */
  isHubOffline: boolean;
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
    server: e.MTM_SERVER?.replace(/\/$/, ''),
    apiKey: e.MTM_API_KEY,
    allowedHosts: listOf(e.MTM_ALLOWED_HOSTS).map((name) => name.toLowerCase()),
    proxies: listOf(e.MTM_PROXIES),
    trustNetwork: e.MTM_TRUST_NETWORK === 'true',
    publicUrl: e.MTM_PUBLIC_URL?.replace(/\/+$/, ''),
    webhooksAllowPrivate: e.MTM_WEBHOOKS_ALLOW_PRIVATE === 'true',
    smtpUrl: e.MTM_SMTP_URL,
    mailFrom: e.MTM_MAIL_FROM,
    postgresPort: e.MTM_POSTGRES_PORT,
    temporalPort: e.MTM_TEMPORAL_PORT,
    temporalUiPort: e.MTM_TEMPORAL_UI_PORT,
    temporalUiUrl: e.MTM_TEMPORAL_UI_URL?.replace(/\/$/, ''),
    toolsDir: resolve(e.MTM_TOOLS),
    python: e.MTM_PYTHON,
    exportPackages: e.MTM_EXPORT_PACKAGES,
    mlflowUrl: e.MTM_MLFLOW_URL?.replace(/\/+$/, ''),
    mlflowToken: e.MTM_MLFLOW_TOKEN,
    wandbDir: e.MTM_WANDB_DIR && resolve(e.MTM_WANDB_DIR),
    trackioDir: e.MTM_TRACKIO_DIR && resolve(e.MTM_TRACKIO_DIR),
    trackerProject: e.MTM_TRACKER_PROJECT,
    pipArgs: e.MTM_PIP_ARGS.split(/\s+/).filter(Boolean),
    outputRoots: e.MTM_OUTPUT_ROOTS ? directoriesOf(e.MTM_OUTPUT_ROOTS) : [join(home, 'outputs')],
    storeUrl: e.MTM_STORE_URL?.replace(/\/+$/, ''),
    storeEndpoint: e.MTM_STORE_ENDPOINT,
    storeRegion: given.AWS_REGION ?? given.AWS_DEFAULT_REGION ?? 'us-east-1',
    modelRoots: directoriesOf(e.MTM_MODEL_ROOTS ?? ''),
    hostName: e.MTM_HOST_NAME,
    devices: devicesFrom(e.MTM_DEVICES, source.CUDA_VISIBLE_DEVICES),
    devicesPerRun: e.MTM_DEVICES_PER_RUN,
    memoryBytes: e.MTM_MEMORY_BYTES,
    trainerThreads: e.MTM_TRAINER_THREADS,
    warmTrainers: e.MTM_WARM_TRAINERS === 'true',
    validationMaxNewTokens: e.MTM_VALIDATION_MAX_NEW_TOKENS,
    servingDevice: e.MTM_SERVING_DEVICE,
    servingThreads: e.MTM_SERVING_THREADS,
    servingModels: e.MTM_SERVING_MODELS,
    environment: e.MTM_ENVIRONMENT,
    logLevel: e.MTM_LOG_LEVEL,
    heartbeatTimeoutMs: e.MTM_HEARTBEAT_TIMEOUT_MS,
    checkpointPercent: e.MTM_CHECKPOINT_PERCENT,
    stallTimeoutMs: e.MTM_STALL_TIMEOUT_MS,
    giveUpAfterMs: e.MTM_GIVE_UP_AFTER_MS,
    keepWorkDays: e.MTM_KEEP_WORK_DAYS,
    keepAuditDays: e.MTM_KEEP_AUDIT_DAYS,
    backupDir: e.MTM_BACKUP_DIR && resolve(e.MTM_BACKUP_DIR),
    backupEveryHours: e.MTM_BACKUP_EVERY_HOURS,
    backupKeep: e.MTM_BACKUP_KEEP,
    backupPassphraseFile: e.MTM_BACKUP_PASSPHRASE_FILE,
    stopGraceMs: e.MTM_STOP_GRACE_MS,
    maxUploadBytes: e.MTM_MAX_UPLOAD_BYTES,
    databaseUrl: e.DATABASE_URL,
    temporalAddress: e.TEMPORAL_ADDRESS,
    temporalNamespace: e.TEMPORAL_NAMESPACE,
    tracesEndpoint: e.OTEL_EXPORTER_OTLP_ENDPOINT?.replace(/\/+$/, ''),
    tracesProtocol: e.OTEL_EXPORTER_OTLP_PROTOCOL,
    modelCache: resolve(e.HF_HUB_CACHE ?? join(e.HF_HOME ?? join(homedir(), '.cache', 'huggingface'), 'hub')),
    hubEndpoint: e.HF_ENDPOINT.replace(/\/+$/, ''),
    isHubOffline: /^(1|on|yes|true)$/i.test(e.HF_HUB_OFFLINE ?? e.TRANSFORMERS_OFFLINE ?? ''),
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
