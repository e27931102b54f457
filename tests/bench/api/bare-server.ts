import { once } from 'node:events';
import Router from '@koa/router';
import Koa from 'koa';
import { koaBody } from 'koa-body';
import pg from 'pg';

/** As many connections as the API has. */
const CONNECTIONS = 20;

/** Of a job as it is asked for: what it says itself. The rest is the same in every job. */
const INSERT = `
  INSERT INTO bare_jobs (name, dataset_id, model_name, training_type, batch_size, learning_rate, epochs, lora_r, lora_alpha,
    lora_dropout, hyperparameters, created_at, updated_at)
  VALUES ($1, $2, $3, 'qlora', 4, 0.0002, 3, 16, 32, 0.05, '{}', now(), now()) RETURNING *`;

/**
 * What the API is measured against: the least that a server of the same libraries can do. A job is one row of a table like ours,
 * read by its key and written by one statement; nothing is checked, and there is nothing else of it.
 */
async function main(databaseUrl: string): Promise<void> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: CONNECTIONS });
  const router = new Router();
  router.get('/jobs/:id', async (ctx) => {
    const { rows } = await pool.query('SELECT * FROM bare_jobs WHERE id = $1', [ctx.params.id]);
    ctx.body = rows[0];
  });
  router.post('/jobs', koaBody(), async (ctx) => {
    const { name, dataset_id, model_name } = ctx.request.body as Record<string, unknown>;
    const { rows } = await pool.query(INSERT, [name, dataset_id, model_name]);
    ctx.status = 201;
    ctx.body = rows[0];
  });
  const server = new Koa().use(router.routes()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address === 'object' && address) process.send?.({ port: address.port });
  process.once('disconnect', () => process.exit(0));
}

await main(process.argv[2] ?? '');
