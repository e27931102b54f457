import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureTrainerPython } from '../../src/platform/python.ts';
import { type Jobs, jobsOf, LONG_JOB } from '../support/jobs.ts';
import { startTestService, type TestService, TINY_MODEL, testEnv } from '../support/service.ts';

/** What a trainer may allocate: enough for four of the rows below at once when they are cut off, and not for all sixteen, nor for a whole one. */
const LIMIT_KIB = 1024 ** 2;
const ROWS = 16;

describe('a run that does not fit into memory', function () {
  this.timeout(360_000);
  let service: TestService;
  let remove: () => Promise<void>;
  let jobs: Jobs;
  let datasetId: number;

  before(async () => {
    const env = await testEnv();
    const python = await ensureTrainerPython({ env, onProgress: (line) => console.log(line) });
    const limited = join(env.home, 'python');
    await writeFile(limited, `#!/bin/sh\nulimit -d ${LIMIT_KIB}\nexec '${python}' "$@"\n`, { mode: 0o755 });
    ({ service, remove } = await startTestService({ ...env, python: limited, memoryBytes: LIMIT_KIB * 1024 }));
    const rows = Array.from({ length: ROWS }, (_, i) =>
      JSON.stringify({ prompt: `long ${i}`, completion: 'word '.repeat(16_000) }),
    );
    datasetId = Number((await service.upload('long.jsonl', rows.join('\n'))).body.id);
    jobs = jobsOf(service, datasetId);
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
  });

  after(() => remove?.());

  async function splitsOf(id: number): Promise<{ batch_size: number; gradient_accumulation: number }[]> {
    const found = (await jobs.eventsOf(id)).matchAll(/event: batch_split\ndata: (.*)/g);
    return [...found].map(([, data]) => JSON.parse(String(data)));
  }

  it('goes on with smaller batches, and as many rows in each step', async () => {
    // Leave currentSplit out of the hyperparameters (src/activities/runs/train-model.ts), and it fails for memory.
    const id = await jobs.create({ batch_size: ROWS, max_length: 2048, epochs: 2 });
    const done = await jobs.ended(id);
    assert.equal(done.status, 'completed', String(done.error_message));
    assert.deepEqual([done.current_step, done.total_steps], [2, 2]);
    const splits = await splitsOf(id);
    assert.ok(splits.length > 0, 'it did fit');
    for (const { batch_size, gradient_accumulation } of splits) assert.equal(batch_size * gradient_accumulation, ROWS);
  });

  it('is refused once a plan has counted its tokens, and fails with "force": true when a single row is too much, with what to do about it', async () => {
    // Leave `low` out of requireFit (src/commands/estimates/require-fit.ts), and it is not refused; let splitBatch
    // (src/models/runs/run-spec.ts) give one row again, and it is tried for ever.
    const asked = { batch_size: 2, max_length: 32_768, epochs: 1 };
    const job = { name: 'job', dataset_id: datasetId, model_name: TINY_MODEL, ...LONG_JOB, ...asked };
    const { body: plan } = await service.call('POST', '/jobs/plan', job);
    const { fits, remedies } = plan.estimate as { fits: boolean; remedies: { change: object }[] };
    assert.deepEqual([fits, remedies.length > 0], [false, true], JSON.stringify(plan.estimate));
    const jobsBefore = (await service.call('GET', '/jobs/')).body.total;
    const refused = await service.call('POST', '/jobs/', job);
    assert.equal(refused.status, 400);
    assert.match(
      String(refused.body.detail),
      /needs at least [\d.]+ GB on the host test-host, which has 1\.1 GB\. What would fit: .*takes about .*"force": true/,
    );
    assert.equal((await service.call('GET', '/jobs/')).body.total, jobsBefore);
    const id = await jobs.create({ ...asked, force: true });
    const done = await jobs.ended(id);
    assert.equal(done.status, 'failed');
    assert.match(
      String(done.error_message),
      /did not fit into memory.*smaller max_length.*tried with a batch_size of 1/,
    );
    assert.deepEqual(
      (await splitsOf(id)).map(({ batch_size }) => batch_size),
      [1],
    );
  });
});
