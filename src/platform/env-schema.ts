import { availableParallelism, hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { PROJECT_ROOT } from './project-root.ts';

const port = z.coerce.number().int().min(0).max(65535);
const text = z.string().trim().min(1);

/** Every environment variable that the service reads. An empty value counts as not set. */
export const EnvSchema = z.object({
  MTM_HOME: text.default('./data'),
  MTM_HOST: text.default('127.0.0.1'),
  MTM_PORT: port.default(8000),
  MTM_API_KEYS: z.string().default(''),
  MTM_SERVER: z.url({ protocol: /^https?$/ }).optional(),
  MTM_API_KEY: text.optional(),
  MTM_ALLOWED_HOSTS: z.string().default(''),
  MTM_PROXIES: z.string().default(''),
  MTM_TRUST_NETWORK: z.enum(['true', 'false']).default('false'),
  MTM_PUBLIC_URL: z.url({ protocol: /^https?$/ }).optional(),
  MTM_WEBHOOKS_ALLOW_PRIVATE: z.enum(['true', 'false']).default('false'),
  MTM_SMTP_URL: z.url({ protocol: /^smtps?$/ }).optional(),
  MTM_MAIL_FROM: text.optional(),
  MTM_POSTGRES_PORT: port.default(5433),
  MTM_TEMPORAL_PORT: port.default(7233),
  MTM_TEMPORAL_UI_PORT: port.default(8233),
  MTM_TEMPORAL_UI_URL: z.url({ protocol: /^https?$/ }).optional(),
  MTM_TOOLS: text.default(join(PROJECT_ROOT, '.tools')),
  MTM_PYTHON: text.optional(),
  MTM_EXPORT_PACKAGES: text.optional(),
  MTM_MLFLOW_URL: z.url({ protocol: /^https?$/ }).optional(),
  MTM_MLFLOW_TOKEN: text.optional(),
  MTM_WANDB_DIR: text.optional(),
  MTM_TRACKIO_DIR: text.optional(),
  MTM_TRACKER_PROJECT: text
    .regex(/^[A-Za-z0-9._-]{1,100}$/, 'use 1-100 letters, digits, ".", "_" or "-"')
    .default('model-training-manager'),
  MTM_PIP_ARGS: z.string().default(''),
  MTM_OUTPUT_ROOTS: text.optional(),
  MTM_STORE_URL: text
    .regex(
      /^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/[A-Za-z0-9._/-]*)?$/,
      'use "s3://bucket" or "s3://bucket/prefix"',
    )
    .optional(),
  MTM_STORE_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
  MTM_MODEL_ROOTS: text.optional(),
  MTM_HOST_NAME: text
    .regex(/^[A-Za-z0-9._-]{1,63}$/, 'use 1-63 letters, digits, ".", "_" or "-"')
    .default(hostname().replace(/[^A-Za-z0-9._-]/g, '-') || 'localhost'),
  MTM_DEVICES: text
    .regex(/^(cpu|cuda:[\w-]{1,58}(,\s*cuda:[\w-]{1,58})*)$/, 'use "cpu", or a list as "cuda:0,cuda:1"')
    .optional(),
  MTM_DEVICES_PER_RUN: z.coerce.number().int().min(1).max(16).default(1),
  MTM_MEMORY_BYTES: z.coerce
    .number()
    .int()
    .min(2 ** 20)
    .optional(),
  MTM_TRAINER_THREADS: z.coerce.number().int().min(1).default(availableParallelism()),
  MTM_WARM_TRAINERS: z.enum(['true', 'false']).default('true'),
  MTM_VALIDATION_MAX_NEW_TOKENS: z.coerce.number().int().min(1).optional(),
  MTM_SERVING_DEVICE: text.regex(/^(cpu|cuda:\d{1,2})$/, 'use "cpu", or a GPU as "cuda:0"').default('cpu'),
  MTM_SERVING_THREADS: z.coerce
    .number()
    .int()
    .min(1)
    .default(Math.max(1, Math.floor(availableParallelism() / 2))),
  MTM_SERVING_MODELS: z.coerce.number().int().min(1).max(64).default(2),
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
  MTM_KEEP_AUDIT_DAYS: z.coerce.number().min(1).max(36_500).default(365),
  MTM_BACKUP_DIR: text.regex(/^\//, 'name a folder by its whole path, which begins with "/"').optional(),
  MTM_BACKUP_EVERY_HOURS: z.coerce.number().int().min(1).max(8_760).default(24),
  MTM_BACKUP_KEEP: z.coerce.number().int().min(1).max(10_000).default(7),
  MTM_BACKUP_PASSPHRASE_FILE: text.regex(/^\//, 'name a file by its whole path, which begins with "/"').optional(),
  MTM_STOP_GRACE_MS: z.coerce.number().int().min(1_000).max(600_000).default(5_000),
  MTM_MAX_UPLOAD_BYTES: z.coerce
    .number()
    .int()
    .min(1)
    .default(16 * 1024 ** 3),
  DATABASE_URL: text.optional(),
  TEMPORAL_ADDRESS: text.optional(),
  TEMPORAL_NAMESPACE: text.default('default'),
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
  OTEL_EXPORTER_OTLP_PROTOCOL: z.enum(['http/protobuf', 'http/json']).default('http/protobuf'),
  /** Its exporter reads it by itself. */
  OTEL_EXPORTER_OTLP_HEADERS: text.optional(),
  HF_HOME: text.optional(),
  HF_HUB_CACHE: text.optional(),
  HF_ENDPOINT: z.url({ protocol: /^https?$/ }).default('https://huggingface.co'),
  HF_HUB_OFFLINE: z.string().optional(),
  TRANSFORMERS_OFFLINE: z.string().optional(),
  OLLAMA_MODELS: text.optional(),
});
