import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { access, mkdir, readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { processStart } from '../../src/platform/process-identity.ts';
import { settledPool } from '../support/hosts.ts';
import { assertWeights, type Jobs, jobsOf, stepsIn } from '../support/jobs.ts';
import { processesOf } from '../support/processes.ts';
import { csvRows } from '../support/rows.ts';
import { startTestService, type TestService, TINY_MODEL, until } from '../support/service.ts';
import { putLargeWeights } from '../support/tiny-models.ts';
import { trainerOf } from '../support/trainers.ts';

interface Validated {
  traits: { trait: string; rows: number }[];
  max_new_tokens: number;
}

describe('a training through the whole service', function () {
  this.timeout(360_000);
  let service: TestService;
  let remove: () => Promise<void>;
  let datasetId: number;
  let jobs: Jobs;
  let planned: Record<string, unknown>;

  before(async () => {
    ({ service, remove } = await startTestService());
    const uploaded = await service.upload('rows.csv', csvRows(200));
    assert.equal(uploaded.status, 201);
    datasetId = Number(uploaded.body.id);
    jobs = jobsOf(service, datasetId);
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
    await settledPool(service, 1);
  });

  after(() => remove?.());

  async function busyWorker() {
    const { workers } = (await service.call('GET', '/workers/')).body as {
      workers: { id: string; pid: number; status: string }[];
    };
    const worker = workers.find(({ status }) => status === 'busy');
    assert.ok(worker, 'a worker is busy');
    return worker;
  }

  it('trains a project of three traits to a validated model', async () => {
    const files = await Promise.all(
      ['code', 'a', 'b'].map((label) => service.upload(`${label}.csv`, csvRows(60, label))),
    );
    const [coding, toolsA, toolsB] = files.map(({ body }) => Number(body.id));
    const asked = {
      name: 'project',
      base_model: TINY_MODEL,
      training_type: 'standard',
      max_rows: 60,
      output_directory: 'mine',
      batch_size: 4,
      epochs: 1,
      traits: [
        { trait_type: 'reasoning', datasets: [{ dataset_id: datasetId, percentage: 100 }] },
        { trait_type: 'coding', datasets: [{ dataset_id: coding, percentage: 100 }] },
        {
          trait_type: 'general_tools',
          datasets: [
            { dataset_id: toolsA, percentage: 70 },
            { dataset_id: toolsB, percentage: 30 },
          ],
        },
      ],
    };
    ({ body: planned } = await service.call('POST', '/projects/plan', asked));
    const created = await service.call('POST', '/projects/', asked);
    assert.equal(created.status, 201, JSON.stringify(created.body));
    const id = created.body.id;
    const started = await service.call('POST', `/projects/${id}/start`);
    assert.equal(started.body.status, 'pending');
    assert.equal((await service.call('POST', `/projects/${id}/start`)).status, 409);
    const project = await until('the project to end', async () => {
      const { body } = await service.call('GET', `/projects/${id}`);
      return ['completed', 'failed'].includes(String(body.status)) ? body : null;
    });
    assert.equal(project.status, 'completed', String(project.error_message));
    assert.equal(project.progress, 100);
    assert.equal(project.total_steps, 15);
    const output = String(project.output_path);
    await Promise.all(['config.json', 'model.safetensors', 'tokenizer.json'].map((name) => access(join(output, name))));
    // It follows the row, which decides.
    await until('the link to the latest version', async () => {
      const linked = await readlink(join(dirname(output), 'latest')).catch(() => null);
      return linked === `project-${id}-run-1` ? true : null;
    });
    const { traits, max_new_tokens } = project.validation as Validated;
    assert.equal(max_new_tokens, service.env.validationMaxNewTokens);
    assert.deepEqual(traits.map(({ trait }) => trait).sort(), ['coding', 'general_tools', 'reasoning']);
    const checked = await service.call('POST', `/projects/${id}/validate`);
    assert.deepEqual([checked.status, checked.body.valid], [200, true]);
  });

  it('shows what it trained on, and each row is the one of its dataset', async () => {
    const { body } = await service.call('GET', '/projects/1/mixture?rows=100');
    const { items, total, manifest, sha256 } = body as {
      total: number;
      sha256: string;
      manifest: { datasets: { id: number; sha256: string }[]; counts: { train: number }[] };
      items: { trait: string; dataset_id: number; row_number: number; messages: unknown }[];
    };
    assert.deepEqual([total, items.length], [60, 60]);
    assert.deepEqual(
      manifest.counts.map(({ train }) => train),
      [20, 20, 14, 6],
    );
    for (const { id, sha256: source } of manifest.datasets)
      assert.equal(source, (await service.call('GET', `/datasets/${id}`)).body.sha256);
    for (const { dataset_id, row_number, messages } of items) {
      const preview = await service.call('GET', `/datasets/${dataset_id}/preview?offset=${row_number}&rows=1`);
      const [row] = preview.body.rows as { row_number: number; messages: unknown }[];
      assert.deepEqual([row?.row_number, row?.messages], [row_number, messages]);
    }
    const next = (await service.call('GET', '/projects/1/mixture?offset=59&rows=10')).body.items;
    assert.deepEqual(next, items.slice(59));
    const heldOut = (await service.call('GET', '/projects/1/mixture?part=held_out&rows=100')).body;
    const trained = new Set(items.map(({ messages }) => JSON.stringify(messages)));
    assert.ok((heldOut.items as { messages: unknown }[]).length > 0);
    for (const { messages } of heldOut.items as { messages: unknown }[])
      assert.ok(!trained.has(JSON.stringify(messages)));
    const file = await fetch(`${service.apiUrl}/api/v1/projects/1/mixture/download`);
    const digest = createHash('sha256').update(new Uint8Array(await file.arrayBuffer()));
    assert.equal(digest.digest('hex'), sha256);
    const { items: runs } = (await service.call('GET', '/projects/1/runs')).body as {
      items: { plan: { tokens: { counted_rows: number; per_epoch: number } } }[];
    };
    // Rows so few that the plan counted the tokens of all: the trainer found the same.
    // (What was planned says more: what it would take.)
    assert.deepEqual({ ...planned, ...runs[0]?.plan }, planned);
    assert.equal(runs[0]?.plan.tokens.counted_rows, 60);
    const { points } = (await service.call('GET', '/projects/1/metrics')).body as { points: { tokens: number }[] };
    assert.equal(runs[0]?.plan.tokens.per_epoch, points.at(-1)?.tokens);
  });

  it('reports what became of it, and names a file that is not the one it wrote', async () => {
    const project = (await service.call('GET', '/projects/1')).body;
    const output = String(project.output_path);
    const report = (await service.call('GET', '/projects/1/report')).body as {
      verdict: string;
      summary: string;
      data: { datasets: { name: string; train: number; tokens: number }[]; train: { sha256: string } };
    };
    assert.deepEqual([project.verdict, project.verdict_summary], [report.verdict, report.summary]);
    const { items } = (await service.call('GET', '/projects/1/runs')).body as { items: { verdict: string }[] };
    assert.equal(items[0]?.verdict, report.verdict);
    assert.deepEqual(
      report.data.datasets.map(({ name, train }) => [name, train]),
      [
        ['rows.csv', 20],
        ['code.csv', 20],
        ['a.csv', 14],
        ['b.csv', 6],
      ],
    );
    assert.ok(report.data.datasets.every(({ tokens }) => tokens > 0));
    assert.equal(report.data.train.sha256, (await service.call('GET', '/projects/1/mixture')).body.sha256);
    for (const [name, type, begins] of [
      ['report.md', 'text/markdown; charset=utf-8', `# ${TINY_MODEL}, fine-tuned: report`],
      ['curves.png', 'image/png', '\x89PNG'],
    ] as const) {
      const answer = await fetch(`${service.apiUrl}/api/v1/projects/1/${name}`);
      const content = Buffer.from(await answer.arrayBuffer());
      assert.deepEqual([answer.status, answer.headers.get('Content-Type')], [200, type]);
      assert.equal(content.toString('latin1', 0, begins.length), begins);
      assert.deepEqual(content, await readFile(join(output, 'report', name)));
    }
    assert.match(await readFile(join(output, 'README.md'), 'utf8'), /^datasets:\n- rows\.csv\n- code\.csv\n/m);

    const errors = async () => (await service.call('POST', '/projects/1/validate')).body.errors;
    const weights = join(output, 'model.safetensors');
    const whole = await readFile(weights);
    await writeFile(weights, whole.subarray(1));
    assert.deepEqual(await errors(), ['model.safetensors is not the file that the training wrote.']);
    await writeFile(weights, whole);
    const manifest = join(output, 'manifest.json');
    await writeFile(manifest, `${await readFile(manifest, 'utf8')}\n`);
    // Take known_manifest_sha256 out of check-output.ts and nobody notices.
    assert.match(String(await errors()), /^manifest\.json is not the one that this training wrote/);
  });

  it('publishes the adapter alone where that is asked for', async () => {
    const done = await jobs.ended(await jobs.create({ training_type: 'qlora', merge: false, max_steps: 4 }));
    assert.equal(done.status, 'completed', String(done.error_message));
    assert.ok(['better', 'same', 'worse'].includes(String(done.verdict)), String(done.verdict_summary));
    const output = String(done.output_path);
    await access(join(output, 'adapter', 'adapter_model.safetensors'));
    assert.deepEqual(
      (await readdir(output)).filter((name) => /^(config|model)/.test(name)),
      [],
    );
  });

  it('fails a run that changed no weight, and publishes nothing', async () => {
    // Leave the end of validateModel out where `valid` is false, and a model that is its base is completed.
    const failed = await jobs.ended(
      await jobs.create({
        model_name: await putLargeWeights(service.env.modelCache),
        training_type: 'standard',
        learning_rate: 1e-6,
        max_steps: 1,
      }),
    );
    assert.equal(failed.status, 'failed');
    assert.match(
      String(failed.error_message),
      /^The trained model is not usable: The training changed no weight: .* Start a new run with a higher learning_rate/,
    );
    assert.equal(failed.output_path, null);
  });

  it('never overwrites an output: not of another project, nor of a database that is gone', async () => {
    const ids: number[] = [];
    for (const name of ['one', 'other']) {
      const { body } = await service.call('POST', '/projects/', {
        name,
        base_model: TINY_MODEL,
        output_directory: 'together',
        max_steps: 2,
        max_length: 64,
        traits: [{ trait_type: 'coding', datasets: [{ dataset_id: datasetId, percentage: 100 }] }],
      });
      const older = join(String(body.output_directory), `project-${body.id}-run-1`);
      await mkdir(older, { recursive: true });
      await writeFile(join(older, 'kept'), '');
      ids.push(Number(body.id));
    }
    for (const id of ids) assert.equal((await service.call('POST', `/projects/${id}/start`)).status, 200);
    for (const id of ids) {
      const { output_path, error_message } = await until(`project ${id} to end`, async () => {
        const { body } = await service.call('GET', `/projects/${id}`);
        return ['completed', 'failed'].includes(String(body.status)) ? body : null;
      });
      assert.ok(output_path, String(error_message));
      await access(join(String(output_path), 'model.safetensors'));
      const beside = await readdir(dirname(String(output_path)));
      const older = beside.find((name) => name.startsWith(`project-${id}-run-1.older-`));
      await access(join(dirname(String(output_path)), String(older), 'kept'));
    }
  });

  it('goes on after SIGKILL of its worker and ends with the weights of an undisturbed run', async () => {
    // Its trainer has three ends in trainer/platform/supervision.py (standard input, PDEATHSIG, the lease), and the broken pipe of its
    // next event: any one is enough, so taking one out is not seen here (trainer/tests/test_process.py sees the first).
    const undisturbed = await jobs.ended(await jobs.create({ epochs: 4 }));
    assert.equal(undisturbed.status, 'completed', String(undisturbed.error_message));

    const id = await jobs.create({ epochs: 4 });
    await jobs.atStep(id, 50);
    const worker = await busyWorker();
    const trainer = await trainerOf(service.env.home);
    process.kill(worker.pid, 'SIGKILL');
    await until(
      'the trainer to die with its worker',
      async () => ((await processStart(trainer)) === null ? true : null),
      5_000,
    );
    const { workers } = await until('the dead worker to show', async () => {
      const { body } = await service.call('GET', '/workers/');
      const listed = body.workers as { id: string; status: string; pid: number | null }[];
      return listed.find(({ id: name }) => name === worker.id)?.status === 'error' ? { workers: listed } : null;
    });
    assert.ok(workers.length >= 1);
    const killed = await jobs.ended(id);
    assert.equal(killed.status, 'completed', String(killed.error_message));
    assert.equal(killed.weights_sha256, undisturbed.weights_sha256);
  });

  it('lets a worker that was stopped for too long write nothing: its run goes on elsewhere, to the same weights', async () => {
    // Let lease_is_over (trainer/platform/supervision.py) be false and the trainer trains on.
    const undisturbed = await jobs.ended(await jobs.create({ epochs: 4 }));
    const second = await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
    assert.equal(second.status, 200, JSON.stringify(second.body));
    await settledPool(service);
    const id = await jobs.create({ epochs: 4 });
    await jobs.atStep(id, 50);
    const worker = await busyWorker();
    const trainer = await trainerOf(service.env.home);
    process.kill(worker.pid, 'SIGSTOP');
    try {
      // Nobody kills it: it sees by itself that its lease is not prolonged, before anybody else may have the run.
      await until('the trainer to end', async () => ((await processStart(trainer)) === null ? true : null), 10_000);
      await until('the run to go on elsewhere', async () => {
        const { worker_id, status } = await jobs.get(id);
        return status === 'running' && worker_id !== worker.id ? true : null;
      });
    } finally {
      process.kill(worker.pid, 'SIGCONT');
    }
    const zombie = await jobs.ended(id);
    assert.equal(zombie.status, 'completed', String(zombie.error_message));
    assert.equal(zombie.weights_sha256, undisturbed.weights_sha256);
    const events = await (await fetch(`${service.apiUrl}/api/v1/jobs/${id}/events`)).text();
    assert.match(events, /event: refused_write\n/);
    assert.deepEqual(
      stepsIn(events, 'resumed').map((step) => step >= 40),
      [true],
    );
    await service.call('POST', '/workers/', { action: 'stop' });
    await settledPool(service);
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
  });

  it('cancels while running: the trainer is gone, nothing half-done is left, the status stays', async () => {
    const id = await jobs.create({ epochs: 100 });
    await jobs.atStep(id, 5);
    await busyWorker();
    const trainer = await trainerOf(service.env.home);
    const cancelled = await service.call('POST', `/jobs/${id}/cancel`);
    assert.deepEqual([cancelled.status, cancelled.body.status], [200, 'cancelled']);
    await until('the trainer to be gone', async () => ((await processStart(trainer)) === null ? true : null), 10_000);
    await until('the worker to be idle', async () =>
      (await service.call('GET', '/workers/')).body.idle_workers === 1 ? true : null,
    );
    assert.equal((await jobs.get(id)).status, 'cancelled');
    const again = await service.call('POST', `/jobs/${id}/cancel`);
    assert.equal(again.status, 400);
  });

  it('started again after a start that was cancelled before it began goes on from its checkpoint', async () => {
    // Let adoptRun (src/activities/runs/adopt-run.ts) look at the run before it alone, and it begins at 0.
    const id = await jobs.create({ epochs: 4 });
    await jobs.atStep(id, 45);
    await jobs.act(id, 'cancel');
    const orchestrator = (await processesOf(service.env.home)).find(({ command }) => / orchestrator/.test(command));
    assert.ok(orchestrator);
    process.kill(orchestrator.pid, 'SIGSTOP');
    try {
      assert.equal((await jobs.act(id, 'start')).status, 200);
      assert.equal((await jobs.act(id, 'cancel')).status, 200);
    } finally {
      process.kill(orchestrator.pid, 'SIGCONT');
    }
    assert.equal((await jobs.act(id, 'start')).status, 200);
    const done = await jobs.ended(id);
    assert.equal(done.status, 'completed', String(done.error_message));
    const [from] = stepsIn(await jobs.eventsOf(id), 'resumed');
    assert.ok(from !== undefined && from >= 40, `went on from ${from}`);
  });

  it('hands a run back when its worker is restarted, and goes on from the step before that', async () => {
    // Take 'worker_stopping' out of SAVE_BEFORE (src/activities/runs/under-lease.ts) and steps are done again.
    const settings = { epochs: 4, save_steps: 100_000 };
    const undisturbed = await jobs.ended(await jobs.create(settings));
    const id = await jobs.create(settings);
    await jobs.atStep(id, 20);
    const restarted = await service.call('POST', '/workers/', { action: 'restart' });
    assert.equal(restarted.status, 200, JSON.stringify(restarted.body));
    assertWeights(await jobs.ended(id), undisturbed);
    const events = await jobs.eventsOf(id);
    const [from] = stepsIn(events, 'resumed');
    assert.ok(from !== undefined && from >= 20, `went on from ${from}`);
    assert.deepEqual(
      stepsIn(events, 'step').filter((step, i, all) => all.indexOf(step) !== i),
      [],
      'no step twice',
    );
  });

  it('refuses more workers than the limit, and stops them all', async () => {
    const refused = await service.call('POST', '/workers/', { action: 'start', worker_count: 9 });
    assert.equal(refused.status, 400);
    assert.match(String(refused.body.detail), /worker_count 9 is too many: 1 of at most 4/);
    const stopped = await service.call('POST', '/workers/', { action: 'stop' });
    assert.equal(stopped.status, 200, JSON.stringify(stopped.body));
    await settledPool(service, 0);
  });

  it('fails a run whose model is not there with a sentence that says what to do', async () => {
    const failed = await jobs.ended(await jobs.create({ model_name: 'llama3.2:3b' }));
    assert.equal(failed.status, 'failed');
    assert.match(String(failed.error_message), /llama3\.2:3b/);
  });
});
