import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Table from 'cli-table3';
import { execa } from 'execa';
import { loadEnv } from '../../../src/platform/env.ts';
import { exists } from '../../../src/platform/files.ts';
import { ensurePythonEnvironment } from '../../../src/platform/python.ts';
import { startTestService, TINY_MODEL } from '../../support/service.ts';
import { tinyModel } from '../../support/tiny-models.ts';

const FOLDER = dirname(fileURLToPath(import.meta.url));
const TOOLS = [
  'dspy',
  'litellm',
  'instructor',
  'llama_index',
  'langchain',
  'pydantic_ai',
  'wandb',
  'ai_sdk',
  'lm_eval',
];
const KEY = 'a-key-of-the-service';
const TIMEOUT_MS = 300_000;

/**
 * `npm run bench -- clients [NAME …]`: tools of others that speak OpenAI's wire, each as it comes from the registry in an environment of its own, go
 * through one flow against the whole service with a tiny model (`promptfoo` only where it is named: it takes 1.5 GB). docs/compatibility.md has what was seen.
 */
export async function main(names: string[]): Promise<void> {
  const { service, remove } = await startTestService({ apiKeys: [KEY] });
  const table = new Table({
    head: ['', 'seen'],
    style: { head: [], border: [] },
    wordWrap: true,
    colWidths: [16, 100],
  });
  try {
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 }, { Authorization: `Bearer ${KEY}` });
    for (const name of names.length > 0 ? names : TOOLS) {
      const { isDone, seen } = await flow(name, service.apiUrl);
      table.push([name, seen]);
      if (!isDone) process.exitCode = 1;
    }
  } finally {
    await remove();
  }
  console.log(table.toString());
}

async function flow(name: string, apiUrl: string): Promise<{ isDone: boolean; seen: string }> {
  const [command, program] = (await exists(join(FOLDER, `with_${name}.mjs`)))
    ? await inNode(name)
    : await inPython(name);
  const cwd = await mkdtemp(join(tmpdir(), 'mtm-bench-clients-'));
  try {
    const { exitCode, stdout, stderr } = await execa(command, [program], {
      cwd,
      env: {
        OPENAI_BASE_URL: `${apiUrl}/v1`,
        OPENAI_API_KEY: KEY,
        BASE_MODEL: TINY_MODEL,
        BASE_MODEL_PATH: await tinyModel(loadEnv()),
        DSPY_CACHEDIR: cwd,
        COLUMNS: '200',
      },
      reject: false,
      timeout: TIMEOUT_MS,
    });
    const last = (text: string) => text.trim().split('\n').slice(-3).join('\n');
    return exitCode === 0
      ? { isDone: true, seen: last(stdout).split('\n').at(-1) ?? '' }
      : { isDone: false, seen: `FAILED\n${last(stderr)}` };
  } finally {
    await rm(cwd, { recursive: true, force: true });
  }
}

async function inPython(name: string): Promise<[command: string, program: string]> {
  const python = await ensurePythonEnvironment({
    env: loadEnv(),
    onProgress: (line) => console.log(line),
    what: `a Python environment for ${name}`,
    requirements: [join(FOLDER, `requirements-${name}.txt`)],
  });
  return [python, join(FOLDER, `with_${name}.py`)];
}

/** A program finds packages beside itself. */
async function inNode(name: string): Promise<[command: string, program: string]> {
  const packages = (await readFile(join(FOLDER, `packages-${name}.txt`), 'utf8')).trim().split('\n');
  const dir = join(loadEnv().toolsDir, `node-${packages.join('-').replaceAll('/', '-')}`);
  const program = join(dir, `with_${name}.mjs`);
  if (!(await exists(program)))
    await execa('npm', ['install', '--no-audit', '--no-fund', '--prefix', dir, ...packages]);
  await copyFile(join(FOLDER, `with_${name}.mjs`), program);
  return [process.execPath, program];
}
