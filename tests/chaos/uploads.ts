import { randomUUID } from 'node:crypto';
import { csvRows } from '../support/rows.ts';
import { until } from '../support/service.ts';
import type { ChaosWorld } from './world.ts';

/**
 * Uploads a file as a careful client does, and once more after its answer. What came of it must be one dataset, which has
 * its rows and its file; what is not so goes to the world's violations.
 */
export async function uploadThrough(world: ChaosWorld): Promise<void> {
  const key = randomUUID();
  const content = csvRows(12, key.slice(0, 8));
  const send = () =>
    until(`an answer to the upload ${key}`, async () => {
      const form = new FormData();
      form.set('file', new Blob([content]), 'rows.csv');
      form.set('name', key);
      const answer = await world.api
        .send('POST', '/datasets/', { body: form, headers: { 'Idempotency-Key': key } })
        .catch(() => null);
      return answer && answer.status < 500 ? answer : null;
    });
  const [first, again] = [await send(), await send()];
  const say = (what: string) => world.violations.push(`I6: the upload ${key} ${what}.`);
  if (first.status !== 201 || first.body.id !== again.body.id)
    return void say(`was answered with ${JSON.stringify(first)}, and again with ${JSON.stringify(again)}`);
  const rows = await world.query<{ n: number }>('SELECT count(*)::int AS n FROM datasets WHERE name = $1', [key]);
  if (rows[0]?.n !== 1) say(`gave ${rows[0]?.n} datasets`);
  await until(`the dataset ${first.body.id} to be shown`, async () => {
    const shown = await world.api.call('GET', `/datasets/${first.body.id}/preview?rows=1`).catch(() => null);
    if (!shown || shown.status >= 500) return null;
    if (shown.status !== 200) say(`has no rows: ${JSON.stringify(shown.body)}`);
    return true;
  });
}
