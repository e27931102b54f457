import { join } from 'node:path';
import { execa } from 'execa';
import { loadEnv, PROJECT_ROOT } from '../../../src/platform/env.ts';
import { ensurePythonEnvironment } from '../../../src/platform/python.ts';

const FOLDER = join(PROJECT_ROOT, 'tests', 'openai', 'clients');

/** The major versions of OpenAI's client for Python that are tried, each at the release that its requirements pin. */
export const PYTHON_CLIENTS = ['3', '2', '1'] as const;

/** Installs a client on first need, under MTM_TOOLS. @returns the Python that has it */
export async function ensurePythonClient(major: (typeof PYTHON_CLIENTS)[number]): Promise<string> {
  return await ensurePythonEnvironment({
    env: loadEnv(),
    onProgress: (line) => console.log(line),
    what: `OpenAI's client ${major} for Python`,
    requirements: [join(FOLDER, `requirements-${major}.txt`)],
  });
}

/** Runs a program of this folder with a client that knows the address and the key alone. @throws with what it says, when it fails */
export async function runPython(
  python: string,
  [program, ...rest]: [string, ...string[]],
  { url, key }: { url: string; key: string },
) {
  const env = { OPENAI_BASE_URL: `${url}/v1`, OPENAI_API_KEY: key };
  const { stdout } = await execa(python, [join(FOLDER, program), ...rest], { env });
  return JSON.parse(stdout) as Record<string, unknown>;
}
