import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { loadEnv, PROJECT_ROOT } from '../../src/platform/env.ts';
import { ensurePythonEnvironment } from '../../src/platform/python.ts';

const FOLDER = join(PROJECT_ROOT, 'tests', 'fuzz');

export interface FuzzReport {
  requests: number;
  /** Operations of the document that were asked. */
  operations: number;
  /** What was found: nothing, when all is well. */
  found: string;
}

export interface FuzzOptions {
  /** Base of the API that runs. */
  apiUrl: string;
  /** Where the paths of the document that is tried begin. */
  wire?: string;
  /** The configuration file in this folder. */
  config: string;
  /** Where the report goes. */
  scratch: string;
  /** An API key of an admin. */
  key: string;
  args: string[];
}

/** Installs schemathesis on first need, under MTM_TOOLS. @returns the Python that has it */
export async function ensureSchemathesis(): Promise<string> {
  return await ensurePythonEnvironment({
    env: loadEnv(),
    onProgress: (line) => console.log(line),
    what: "the fuzzer's Python environment",
    requirements: [join(FOLDER, 'requirements.txt')],
  });
}

/** Lets schemathesis send what the API's own OpenAPI document allows, and what it does not, and check every answer. */
export async function fuzz(
  python: string,
  { apiUrl, wire = '/api/v1', config, scratch, key, args }: FuzzOptions,
): Promise<FuzzReport> {
  const report = join(scratch, `${config}.json`);
  const { all, shortMessage } = await execa(
    python,
    [
      '-m',
      'schemathesis.cli',
      '--config-file',
      join(FOLDER, config),
      'run',
      `${apiUrl}${wire}/openapi.json`,
      ...['--header', `Authorization: Bearer ${key}`],
      ...['--checks', 'all', '--no-color', '--report', 'json', '--report-json-path', report],
      ...args,
    ],
    { cwd: scratch, all: true, reject: false, env: { COLUMNS: '160' } },
  );
  const text = await readFile(report, 'utf8').catch(() => null);
  if (text === null) throw new Error(`The fuzzer gave no report: ${shortMessage ?? ''} ${all}`);
  const { test_cases, operations, exit_code } = JSON.parse(text);
  return {
    requests: test_cases.generated,
    operations: operations.tested,
    found: exit_code === 0 ? '' : all,
  };
}
