import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { processesOf, residentBytes } from '../support/processes.ts';
import { startTestService, type TestService } from '../support/service.ts';

const MIB = 1024 ** 2;
const AT_ONCE = 24;
/** Most by which the API's memory grows for it, and most that others wait meanwhile. */
const MOST_GROWTH_BYTES = 300 * MIB;
const MOST_WAIT_MS = 750;

describe('previews of long rows, many at the same time', function () {
  this.timeout(180_000);
  let service: TestService;
  let remove: () => Promise<void>;
  let api: number;

  before(async () => {
    ({ service, remove } = await startTestService());
    const found = (await processesOf(service.env.home)).find(({ command }) => command.trim().endsWith(' api'));
    assert.ok(found);
    api = found.pid;
  });
  after(() => remove?.());

  it('take little of the memory and the time of the API, which loads no DuckDB', async () => {
    // Before, with DuckDB in the API, its memory grew by 412 MiB, and GET /health took 0.6 to 4.8 s.
    const long = 'x'.repeat(20 * 1024);
    const rows = Array.from({ length: 200 }, (_, i) => JSON.stringify({ prompt: `${i}`, completion: `${i} ${long}` }));
    const { body } = await service.upload('long.jsonl', rows.join('\n'));
    const path = `/datasets/${body.id}/preview?rows=100`;
    assert.equal((await service.call('GET', path)).status, 200);
    const before = (await residentBytes(api, 'now')) ?? 0;

    let isOver = false;
    const waited: number[] = [];
    const asking = (async () => {
      while (!isOver) {
        const from = performance.now();
        assert.equal((await fetch(`${service.apiUrl}/api/v1/health`)).status, 200);
        waited.push(performance.now() - from);
        await setTimeout(20);
      }
    })();
    // Read and thrown away: only the API's memory is looked at.
    const statuses = await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        const response = await fetch(`${service.apiUrl}/api/v1${path}`);
        await response.arrayBuffer();
        return response.status;
      }),
    );
    isOver = true;
    await asking;
    assert.deepEqual(statuses, Array(AT_ONCE).fill(200));
    const grew = ((await residentBytes(api, 'at most')) ?? 0) - before;
    const longest = Math.max(...waited);
    console.log(`      ${Math.round(grew / MIB)} MiB more, others waited ${Math.round(longest)} ms at most`);
    assert.ok(grew < MOST_GROWTH_BYTES, `${Math.round(grew / MIB)} MiB`);
    assert.ok(longest < MOST_WAIT_MS, `${Math.round(longest)} ms`);

    // Import duckdb.ts from anywhere in src/api and it is mapped.
    const maps = await readFile(`/proc/${api}/maps`, 'utf8');
    assert.doesNotMatch(maps, /duckdb/);
  });
});
