import { cp, mkdir, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import pg from 'pg';
import { type Env, loadEnv } from '../../../src/platform/env.ts';
import { ensureTrainerPython } from '../../../src/platform/python.ts';
import { startService } from '../../../src/processes/start/start.ts';
import { type ApiClient, clientOf, TINY_MODEL, testEnv } from '../../support/service.ts';
import { putTinyModel } from '../../support/tiny-models.ts';
import { smollm2 } from '../smollm2.ts';
import { COMBINATIONS, type Combination } from './combinations.ts';
import { type Compared, HEAD, rowOf, summaryOf } from './table.ts';

const ASK_EVERY_MS = 500;
const ROWS = 40;
const NEW_TOKENS = 8;
/** Of some steps nothing need be learnt. */
const SLOWLY = 0.00001;

/**
 * `npm run bench -- estimate [--runs N] [--only TEXT]`: trains every combination for real, twice so that estimates can learn
 * from it and once more, and compares that with what the plan before it said. Prints the table of docs/benchmarks.md.
 */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      runs: { type: 'string', default: '2' },
      only: { type: 'string', default: '' },
    },
  });
  const { heartbeatTimeoutMs } = loadEnv();
  const env: Env = { ...(await testEnv()), heartbeatTimeoutMs, validationMaxNewTokens: NEW_TOKENS };
  try {
    const python = await ensureTrainerPython({ env, onProgress: (line) => console.log(line) });
    await putTinyModel(env, 'tiny-random');
    const snapshot = await smollm2(python, env.toolsDir);
    const smol = await putIntoCache(env, snapshot);
    const larger = await anotherSize(python, snapshot, env.modelCache);
    const service = await startService(env, () => {});
    const database = new pg.Client(service.databaseUrl);
    try {
      await database.connect();
      const client = clientOf(service.apiUrl);
      await created(client, '/workers/', { action: 'start', worker_count: 1 });
      const dataset = Number((await client.upload('rows.jsonl', rows())).body.id);
      await compareAll({ client, database, dataset, models: { tiny: TINY_MODEL, smol, larger } }, values);
    } finally {
      await database.end();
      await service.stop();
    }
  } finally {
    await rm(env.home, { recursive: true, force: true });
  }
}

interface World {
  client: ApiClient;
  database: pg.Client;
  dataset: number;
  models: Record<Combination['model'], string>;
}

async function compareAll(world: World, { runs, only }: { runs: string; only: string }) {
  const compared: Compared[] = [];
  console.log(`${availableParallelism()} CPU cores, ${runs} earlier runs of each kind.\n${HEAD}`);
  for (const combination of COMBINATIONS.filter(({ name }) => name.includes(only))) {
    const job = jobOf(world, combination);
    try {
      for (let run = 0; run < Number(runs); run++) await trained(world, job);
      const { estimate } = await created(world.client, '/jobs/plan', job);
      const found: Compared = { ...combination, estimate, ...(await trained(world, job)) } as Compared;
      compared.push(found);
      console.log(rowOf(found));
    } catch (error) {
      console.log(`${combination.name}: ${String(error)}`);
      process.exitCode = 1;
    }
  }
  console.log(`\n${summaryOf(compared)}`);
}

function jobOf({ dataset, models }: World, { model, name, steps, ...settings }: Combination) {
  const base = {
    name,
    dataset_id: dataset,
    model_name: models[model],
    epochs: 100,
    max_steps: steps,
    learning_rate: SLOWLY,
  };
  return { ...base, ...settings };
}

/** Of a run: what it was computed to take and what was measured, as it has left them. */
async function trained({ client, database }: World, job: object): Promise<Pick<Compared, 'computed' | 'measured'>> {
  const { run_id } = await created(client, '/jobs/', job);
  for (;;) {
    const { rows } = await database.query('SELECT status, error_message FROM runs WHERE id = $1', [run_id]);
    if (rows[0].status === 'failed') throw new Error(rows[0].error_message);
    if (rows[0].status === 'completed') break;
    await after(ASK_EVERY_MS);
  }
  const { rows } = await database.query('SELECT computed, measured FROM run_measurements WHERE run_id = $1', [run_id]);
  if (!rows[0]) throw new Error(`Run ${run_id} has left nothing for estimates.`);
  return rows[0];
}

/** Rows of far more tokens than any combination has, so that all are as long as its max_length. */
function rows(): string {
  const words = 'some words that fill the row and are to be learned by heart '.repeat(200);
  return Array.from({ length: ROWS }, (_, n) => JSON.stringify({ prompt: `Say it, ${n}.`, completion: words })).join(
    '\n',
  );
}

async function putIntoCache(env: Env, snapshot: string): Promise<string> {
  const folder = join(snapshot, '..', '..');
  await mkdir(env.modelCache, { recursive: true });
  await cp(folder, join(env.modelCache, basename(folder)), { recursive: true, verbatimSymlinks: true });
  return basename(folder).replace('models--', '').replace('--', '/');
}

async function anotherSize(python: string, smaller: string, cache: string): Promise<string> {
  const { stdout } = await execa(python, [join(import.meta.dirname, 'another_size.py'), smaller, cache]);
  return stdout.trim();
}

async function created(client: ApiClient, path: string, asked: unknown): Promise<Record<string, unknown>> {
  const { status, body } = await client.call('POST', path, asked);
  if (status >= 400) throw new Error(`POST ${path}: ${JSON.stringify(body)}`);
  return body;
}
