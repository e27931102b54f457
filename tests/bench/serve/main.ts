import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import OpenAI from 'openai';
import { loadEnv } from '../../../src/platform/env.ts';
import { ensureTrainerPython } from '../../../src/platform/python.ts';
import { ServedModels } from '../../../src/serving/served-models.ts';
import { WarmPython } from '../../../src/trainer/warm-python.ts';
import { median } from '../../support/figures.ts';
import { csvRows } from '../../support/rows.ts';
import { startTestService, type TestService, until } from '../../support/service.ts';
import { putTinyModel } from '../../support/tiny-models.ts';
import { type Bounded, judge } from '../bounds.ts';
import { smollm2 } from '../smollm2.ts';
import { freeBytes, MIB } from './memory.ts';
import { llamaCpp, type Peer, plainGenerate, randomAdapters, type Speed } from './peers.ts';

const MODEL = 'HuggingFaceTB/SmolLM2-135M-Instruct-dequantized-q4_1';
const PROMPT = 'Write a long story about a llama that crosses the Andes.';
const AT_ONCE = 8;
const SWITCHES = 10;
const WANTED = { streaming: 1.1, atOnce: 2.5, switchMs: 300, memory: 64 };

/**
 * `npm run bench -- serve [--rounds N] [--tokens N] [--without-llama]`: SmolLM2-135M answers through the API, beside transformers' own generate and
 * llama.cpp, in turns; eight answers at once; adapters in turns; a training beside; and memory after all.
 */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '5' },
      tokens: { type: 'string', default: '128' },
      'without-llama': { type: 'boolean', default: false },
    },
  });
  const env = loadEnv();
  const python = await ensureTrainerPython({ env, onProgress: (line) => console.log(line) });
  const model = await smollm2(python, env.toolsDir);
  const folder = await mkdtemp(join(tmpdir(), 'mtm-bench-serve-'));
  const cores = availableParallelism();
  try {
    const [rounds, tokens] = [Number(values.rounds), Number(values.tokens)];
    const figures = await speeds({ env, python, model, folder, rounds, tokens, llama: !values['without-llama'] });
    figures.push(...(await switching(python, model, folder)), ...(await besideTraining(cores)));
    judge(figures);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Sides {
  env: ReturnType<typeof loadEnv>;
  python: string;
  model: string;
  folder: string;
  rounds: number;
  tokens: number;
  llama: boolean;
}

/** One answer by each way in turns, with all cores, and eight at once by ours. */
async function speeds({ env, python, model, folder, rounds, tokens, llama }: Sides): Promise<Bounded[]> {
  const threads = availableParallelism();
  const { service, remove } = await startTestService({ servingThreads: threads });
  const peers: Record<string, Peer> = { 'plain generate': await plainGenerate(python, model, threads) };
  try {
    await putTinyModel(service.env, 'smollm2-135m');
    if (llama) peers['llama.cpp'] = await llamaCpp(env, model, folder, threads);
    const client = new OpenAI({ baseURL: `${service.apiUrl}/v1`, apiKey: 'none' });
    const ours: Peer = {
      answer: async (prompt, count) => await streamed(client, prompt, count),
      close: async () => {},
    };
    const sides = { ...peers, streaming: ours };
    const found = new Map<string, Speed[]>(Object.keys(sides).map((name) => [name, []]));
    const together: number[] = [];
    // The first ones load, and make threads.
    for (const peer of Object.values(sides)) await peer.answer(PROMPT, 8);
    for (let round = 0; round < rounds; round++) {
      for (const [name, peer] of Object.entries(sides)) found.get(name)?.push(await peer.answer(PROMPT, tokens));
      together.push(await atOnce(client, tokens));
    }
    const of = (name: string, what: keyof Speed) => median((found.get(name) ?? []).map((speed) => speed[what])) ?? 0;
    const [plain, stream, eight] = [
      of('plain generate', 'tokens_per_s'),
      of('streaming', 'tokens_per_s'),
      median(together) ?? 0,
    ];
    return [
      ...Object.keys(sides).flatMap((name) => [
        { what: `${name}: first token`, found: 1000 * of(name, 'first_s'), unit: 'ms' },
        { what: `${name}: tokens a second`, found: of(name, 'tokens_per_s'), unit: 'tokens/s' },
      ]),
      { what: 'plain generate is faster than streaming', found: plain / stream, unit: 'x', atMost: WANTED.streaming },
      { what: `${AT_ONCE} answers at once: tokens a second of all`, found: eight, unit: 'tokens/s' },
      { what: `${AT_ONCE} answers at once, of one alone`, found: eight / stream, unit: 'x', atLeast: WANTED.atOnce },
    ];
  } finally {
    for (const peer of Object.values(peers)) await peer.close();
    await remove();
  }
}

async function streamed(client: OpenAI, prompt: string, tokens: number): Promise<Speed> {
  const began = performance.now();
  let first = 0;
  let count = 0;
  const stream = await client.chat.completions.create({
    ...asked(prompt, tokens),
    stream: true,
    stream_options: { include_usage: true },
  });
  for await (const { choices, usage } of stream) {
    if (first === 0 && choices[0]?.delta.content) first = performance.now() - began;
    count = usage?.completion_tokens ?? count;
  }
  return { first_s: first / 1000, tokens_per_s: (1000 * count) / (performance.now() - began) };
}

/** Tokens a second of answers to different questions that are asked together. */
async function atOnce(client: OpenAI, tokens: number): Promise<number> {
  const began = performance.now();
  const answers = await Promise.all(
    Array.from({ length: AT_ONCE }, (_, n) =>
      client.chat.completions.create(asked(`${PROMPT} Its name is ${n}.`, tokens)),
    ),
  );
  const count = answers.reduce((sum, { usage }) => sum + (usage?.completion_tokens ?? 0), 0);
  return (1000 * count) / (performance.now() - began);
}

function asked(prompt: string, tokens: number) {
  return { model: MODEL, messages: [{ role: 'user' as const, content: prompt }], temperature: 0, max_tokens: tokens };
}

/** How much longer a token takes that another adapter says than one that the same does; and what is left in memory afterwards. */
async function switching(python: string, model: string, folder: string): Promise<Bounded[]> {
  const adapters = await randomAdapters(python, model, folder);
  const warm = new WarmPython({ libraries: 'answers', isOn: true, idleMs: 500, log: console.log });
  const models = new ServedModels(warm, { most: 1, idleMs: 500 });
  const place = { python, modelPath: model, weightsPath: null, device: 'cpu', threads: availableParallelism() };
  const request = {
    ...{
      messages: [{ role: 'user', content: 'Hello' }],
      max_tokens: 1,
      temperature: 0,
      top_p: 1,
      n: 1,
      stop: [],
      seed: null,
    },
    ...{ top_logprobs: null, frequency_penalty: 0, presence_penalty: 0, logit_bias: {} },
  };
  const ask = async (adapterPath: string | null) => {
    const began = performance.now();
    for await (const _ of models.ask({ place, adapterPath }, request, new AbortController().signal));
    return performance.now() - began;
  };
  const before = await freeBytes();
  try {
    for (const adapter of [null, ...adapters]) await ask(adapter);
    const [same, changed]: [number[], number[]] = [[], []];
    for (let time = 0; time < SWITCHES; time++) {
      changed.push(await ask(adapters[time % 2] as string));
      same.push(await ask(adapters[time % 2] as string));
    }
    const loaded = before - (await freeBytes());
    const left = await until('memory to be free again', async () => {
      const taken = before - (await freeBytes());
      return taken < WANTED.memory * MIB ? taken : null;
    }).catch(async () => before - (await freeBytes()));
    return [
      {
        what: 'another adapter answers later by',
        found: (median(changed) ?? 0) - (median(same) ?? 0),
        unit: 'ms',
        atMost: WANTED.switchMs,
      },
      { what: 'a model that answers takes, with its warm process', found: loaded / MIB, unit: 'MiB' },
      { what: 'left of it when nobody asks', found: Math.max(0, left) / MIB, unit: 'MiB', atMost: WANTED.memory },
    ];
  } finally {
    await models.close();
    await warm.close();
  }
}

/** Steps of a training of the same model, alone and while it answers: with threads for half of the cores, as it does unless told otherwise. */
async function besideTraining(cores: number): Promise<Bounded[]> {
  const { service, remove } = await startTestService({ trainerThreads: cores });
  try {
    await putTinyModel(service.env, 'smollm2-135m');
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
    const client = new OpenAI({ baseURL: `${service.apiUrl}/v1`, apiKey: 'none' });
    const alone = await tokensPerS(service);
    let isOver = false;
    const talking = (async () => {
      while (!isOver) await streamed(client, PROMPT, 128);
    })();
    const beside = await tokensPerS(service);
    isOver = true;
    await talking;
    const share = 1 + service.env.servingThreads / cores;
    return [
      { what: 'a training alone', found: alone, unit: 'tokens/s' },
      { what: 'is faster than while a model answers', found: alone / beside, unit: 'x', atMost: share },
    ];
  } finally {
    await remove();
  }
}

async function tokensPerS(service: TestService): Promise<number> {
  const { body: dataset } = await service.upload('rows.csv', csvRows(40));
  const settings = { max_steps: 12, max_length: 128, batch_size: 4, training_type: 'qlora' };
  const { body: job } = await service.call('POST', '/jobs/', {
    name: 'beside',
    dataset_id: dataset.id,
    model_name: MODEL,
    ...settings,
  });
  const done = await until(
    'the training to end',
    async () => {
      const { body } = await service.call('GET', `/jobs/${job.id}`);
      if (body.status === 'failed') throw new Error(String(body.error_message));
      return body.status === 'completed' ? body : null;
    },
    600_000,
  );
  const { body } = await service.call('GET', `/jobs/${done.id}/metrics`);
  const points = body.points as { tokens_per_s: number | null }[];
  return median(points.flatMap(({ tokens_per_s }) => tokens_per_s ?? [])) ?? 0;
}
