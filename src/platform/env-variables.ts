import type { Env } from './env.ts';

/** The variables from which loadEnv gives these settings again: for processes that we start. */
export function toVariables(env: Env): Record<string, string> {
  return {
    MTM_HOME: env.home,
    MTM_HOST: env.host,
    MTM_PORT: String(env.port),
    MTM_API_KEYS: env.apiKeys.join(','),
    MTM_ALLOWED_HOSTS: env.allowedHosts.join(','),
    MTM_TRUST_NETWORK: String(env.trustNetwork),
    MTM_TEMPORAL_UI_URL: env.temporalUiUrl ?? '',
    MTM_TOOLS: env.toolsDir,
    MTM_PYTHON: env.python ?? '',
    MTM_PIP_ARGS: env.pipArgs.join(' '),
    MTM_OUTPUT_ROOTS: env.outputRoots.join(':'),
    MTM_MODEL_ROOTS: env.modelRoots.join(':'),
    MTM_HOST_NAME: env.hostName,
    MTM_DEVICES: env.devices?.join(',') ?? '',
    MTM_DEVICES_PER_RUN: String(env.devicesPerRun),
    MTM_TRAINER_THREADS: String(env.trainerThreads),
    MTM_WARM_TRAINERS: String(env.warmTrainers),
    MTM_VALIDATION_MAX_NEW_TOKENS: String(env.validationMaxNewTokens ?? ''),
    MTM_ENVIRONMENT: env.environment,
    MTM_LOG_LEVEL: env.logLevel,
    MTM_HEARTBEAT_TIMEOUT_MS: String(env.heartbeatTimeoutMs),
    MTM_CHECKPOINT_PERCENT: String(env.checkpointPercent),
    MTM_STALL_TIMEOUT_MS: String(env.stallTimeoutMs),
    MTM_GIVE_UP_AFTER_MS: String(env.giveUpAfterMs),
    MTM_KEEP_WORK_DAYS: String(env.keepWorkDays),
    MTM_STOP_GRACE_MS: String(env.stopGraceMs),
    MTM_MAX_UPLOAD_BYTES: String(env.maxUploadBytes),
    DATABASE_URL: env.databaseUrl ?? '',
    TEMPORAL_ADDRESS: env.temporalAddress ?? '',
    TEMPORAL_NAMESPACE: env.temporalNamespace,
    HF_HUB_CACHE: env.modelCache,
    OLLAMA_MODELS: env.ollamaStore,
  };
}
