import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { PROJECT_ROOT } from '../../src/platform/env.ts';

export interface ComposeService {
  image: string;
  build?: { context?: string; args?: Record<string, string> };
  entrypoint?: string[];
  command?: string[];
  environment?: Record<string, string | number>;
  volumes?: string[];
  ports?: string[];
  configs?: { source: string; target: string }[];
  depends_on?: Record<string, unknown>;
  restart?: string;
  logging?: { driver: string; options: Record<string, string> };
  stop_grace_period?: string;
  pull_policy?: string;
  healthcheck?: Record<string, unknown>;
  [other: string]: unknown;
}

export interface ComposeFile {
  services: Record<string, ComposeService>;
  volumes?: Record<string, unknown>;
  configs?: Record<string, { content?: string; file?: string }>;
}

/** As Compose reads a file of ours where these variables are set, and no others. */
export async function readCompose(name: string, variables: Record<string, string> = {}): Promise<ComposeFile> {
  const text = await readFile(join(PROJECT_ROOT, name), 'utf8');
  return interpolated(parse(text, { merge: true }), variables) as ComposeFile;
}

/** Both files as `docker compose -f docker-compose.yml -f docker-compose.gpu.yml` puts one upon the other. */
export async function readWithGpu(variables: Record<string, string> = {}): Promise<ComposeFile> {
  return await readWith('docker-compose.gpu.yml', variables);
}

/** `docker-compose.yml` with another file upon it. */
export async function readWith(name: string, variables: Record<string, string> = {}): Promise<ComposeFile> {
  const [base, upon] = await Promise.all(['docker-compose.yml', name].map((each) => readCompose(each, variables)));
  return merged(base, upon) as ComposeFile;
}

/** The forms that our files use: `${NAME:-default}`, `${NAME:+instead}`, and `$$` for a dollar. */
function interpolated(value: unknown, variables: Record<string, string>): unknown {
  if (typeof value === 'string')
    return value.replaceAll(
      /\$\$|\$\{(\w+):([-+])([^}]*)\}|\$/g,
      (match: string, name?: string, kind?: string, text = '') => {
        if (match === '$$') return '$';
        if (name === undefined) throw new Error(`${JSON.stringify(value)} has a $ of another form.`);
        const given = variables[name] ?? '';
        return kind === '-' ? given || text : given && text;
      },
    );
  if (Array.isArray(value)) return value.map((entry) => interpolated(entry, variables));
  if (!isMapping(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, interpolated(entry, variables)]));
}

/** Mappings key by key; of our files nothing else is in both. */
function merged(base: unknown, upon: unknown): unknown {
  if (!isMapping(base) || !isMapping(upon)) return upon ?? base ?? null;
  const keys = new Set([...Object.keys(base), ...Object.keys(upon)]);
  return Object.fromEntries([...keys].map((key) => [key, merged(base[key], upon[key])]));
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `90s`, `5m`, in seconds. */
export function secondsOf(duration: unknown): number {
  const [, number, unit] = /^(\d+)([sm])$/.exec(String(duration)) ?? [];
  if (!number || !unit) throw new Error(`${String(duration)} is no duration of a unit.`);
  return Number(number) * (unit === 'm' ? 60 : 1);
}
