import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, readFile, rename, stat, truncate, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import pg from 'pg';
import { type Begun, commandLineOf } from '../support/command-line.ts';
import { Hub } from '../support/hub.ts';
import { filesOf } from '../support/model-downloads.ts';
import { DocumentedAnswers } from '../support/openapi.ts';
import { processesOf } from '../support/processes.ts';
import { csvRows } from '../support/rows.ts';
import { startTestService, type TestService, TINY_EMBEDDER, TINY_MODEL, until } from '../support/service.ts';
import { putTinyModel } from '../support/tiny-models.ts';

const SHORT = ['--batch-size', '8', '--max-steps', '4', '--lora-r', '4', '--max-length', '64'];
const LONG = ['--batch-size', '2', '--epochs', '60', '--save-steps', '40', '--lora-r', '4', '--max-length', '64'];

/** Of a service with real trainings; each answer of --json is held to the OpenAPI document. */
describe('the command line', function () {
  this.timeout(240_000);
  let service: TestService;
  let remove: () => Promise<void>;
  let hub: Hub;
  let folder: string;
  let answers: DocumentedAnswers;
  let cli: ReturnType<typeof commandLineOf>;

  /** @returns what the command prints, which has to be the documented answer of that request */
  const documented = async (request: string, status: number, ...args: string[]) => {
    const body = await cli.json(...args);
    const [method = '', path = ''] = request.split(' ');
    answers.check(method, path, status, body);
    return body;
  };
  const planOf = (dataset: string) => cli.json('job', 'plan', dataset, '--model', TINY_MODEL, ...SHORT);
  const fails = async (exitCode: number, says: RegExp, ...args: string[]) => {
    const said = await cli.mtm(...args);
    assert.deepEqual([said.exitCode, says.test(said.stderr)], [exitCode, true], `${said.exitCode}: ${said.stderr}`);
  };

  before(async () => {
    hub = await Hub.start();
    ({ service, remove } = await startTestService({ hubEndpoint: hub.url }));
    await putTinyModel(service.env, 'tiny-embedder');
    folder = join(service.env.home, 'desk');
    await mkdir(folder);
    await writeFile(join(folder, 'rows.csv'), csvRows(64));
    await writeFile(join(folder, 'others.csv'), csvRows(32, 'other'));
    cli = commandLineOf(folder, { MTM_SERVER: service.apiUrl });
    answers = new DocumentedAnswers((await (await fetch(`${service.apiUrl}/api/v1/openapi.json`)).json()) as never);
  });
  after(async () => {
    await remove?.();
    await hub.stop();
  });

  it('trains from a file to a result, on a worker that it starts', async () => {
    // Leave `ensureWorker` out of src/cli/jobs/train.ts, and the run waits for ever.
    const begun = await cli.mtm(
      'train',
      'rows.csv',
      '--model',
      TINY_MODEL,
      ...SHORT,
      '--watch',
      '--json',
      '--download',
      'model',
    );
    assert.equal(begun.exitCode, 0, begun.stderr);
    const { estimate, no_estimate, ...job } = JSON.parse(begun.stdout);
    answers.check('POST', '/jobs/plan', 200, { ...(await planOf('1')), estimate, no_estimate });
    assert.match(
      begun.stderr,
      /^Estimate: [\d.]+ MB of the [\d.]+ GB of memory on .*, nobody knows yet when a worker/m,
    );
    assert.match(begun.stderr, /^It is computed, and no run like it was measured yet: memory within 35 %/m);
    answers.check('GET', '/jobs/1/runs', 200, { items: [job], total: 1, page: 1, page_size: 1, pages: 1 });
    assert.deepEqual([job.status, job.current_step], ['completed', 4]);
    assert.match(begun.stderr, /There was no worker: one was started/);
    assert.match(begun.stderr, /step 4: saved/);
    assert.ok((await stat(join(folder, 'model', 'model.safetensors'))).size > 0);
    assert.ok(!(begun.stdout + begun.stderr).includes('\x1b'), 'no colour where there is no terminal');
  });

  it('keeps datasets: each file once', async () => {
    const { stderr } = await cli.mtm('dataset', 'add', 'rows.csv');
    assert.match(stderr, /rows\.csv is already there as dataset 1/);
    const added = await documented('POST /datasets/', 201, 'dataset', 'add', 'others.csv', '--name', 'others');
    assert.equal(added.usable_row_count, 32);
    await documented('GET /datasets/', 200, 'dataset', 'list');
    await documented('GET /datasets/{id}', 200, 'dataset', 'show', 'others');
    await documented('GET /datasets/{id}/preview', 200, 'dataset', 'preview', '2', '--rows', '3');
    assert.match(
      (await cli.mtm('dataset', 'preview', 'others')).stdout,
      /^row 0\n {2}user: other number 0 please\n {2}assistant: answer 0$/m,
    );
    await writeFile(join(folder, 'gone.csv'), csvRows(16, 'gone'));
    const { id } = await cli.json('dataset', 'add', 'gone.csv');
    assert.equal((await cli.mtm('dataset', 'rm', String(id))).exitCode, 0);
    await fails(1, /^Dataset 999 not found/, 'dataset', 'show', '999');
    await fails(
      1,
      /nothing\.csv was not found: neither a file nor a dataset of that name/,
      'dataset',
      'show',
      'nothing.csv',
    );
    await fails(1, /dataset|used/i, 'dataset', 'rm', '1');
  });

  it('plans, creates, lists and shows jobs', async () => {
    const plan = await documented('POST /jobs/plan', 200, 'job', 'plan', 'rows.csv', '--model', TINY_MODEL, ...SHORT);
    assert.equal(Number(plan.train_rows) + Number(plan.held_out_rows), 64);
    const { stdout: screen } = await cli.mtm('job', 'plan', 'rows.csv', '--model', TINY_MODEL, ...SHORT);
    assert.match(screen, /^It fits: [\d.]+ MB of the .*\n\nMemory +[\d.]+ MB: [a-z ]+ [\d.]+ MB/);
    assert.match(screen, /^Rows +\d+ to train on, \d+ held out$/m);
    const model = ['--model', TINY_MODEL, '--no-merge'];
    const job = await documented('POST /jobs/', 201, 'job', 'create', '1', ...model, ...SHORT);
    assert.equal((job.hyperparameters as Record<string, unknown>).merge, false);
    await documented('GET /jobs/', 200, 'job', 'list');
    await documented('GET /jobs/{id}', 200, 'job', 'show', `job-${job.id}`);
    assert.match(
      (await cli.mtm('job', 'show', `job-${job.id}`)).stdout,
      /^Settings +batch_size 8, learning_rate [\d.]+, epochs \d+, lora_r 4, .*merge false/m,
    );
    await cli.mtm('run', 'watch', `job-${job.id}`);
    await fails(1, /batch_size is 900: /, 'job', 'create', '1', '--model', TINY_MODEL, '--batch-size', '900');
  });

  it('forks a run: with its settings but for what is said', async () => {
    // Leave `before` out in src/cli/jobs/fork.ts and its rank is the default.
    const job = await documented('POST /jobs/', 201, 'fork', 'job-1', '--dataset', 'others', '--max-steps', '2');
    const { name, dataset_id, lora_r, starts_from, hyperparameters } = job;
    assert.deepEqual(
      { name, dataset_id, lora_r, starts_from, hyperparameters },
      {
        name: 'rows.csv, forked',
        dataset_id: 2,
        lora_r: 4,
        starts_from: { job_id: 1 },
        hyperparameters: { max_steps: 2, max_length: 64 },
      },
    );
    const { exitCode, stderr } = await cli.mtm('run', 'watch', `job-${job.id}`);
    assert.equal(exitCode, 0, stderr);
    await fails(1, /The run 1 of job 1 has no checkpoint of step 3/, 'fork', 'job-1', '--checkpoint', '3');
    await fails(2, /Give the step of a checkpoint, or best\./, 'fork', 'job-1', '--checkpoint', 'first');
    await fails(2, /or the path of a folder that begins with/, 'train', 'rows.csv', '--starts-from', 'mine');
    await fails(
      1,
      /is not below a directory that MTM_MODEL_ROOTS names/,
      'train',
      'rows.csv',
      '--starts-from',
      './mine',
    );
  });

  it('refuses what cannot be trained before it creates anything', async () => {
    // Say the reason instead of throwing it in tellEstimate (src/cli/runs/tell-estimate.ts), and a job is created that fails at once.
    const before = Number((await cli.json('job', 'list')).total);
    for (const command of [['train'], ['job', 'create']])
      await fails(1, /mtm\/none is not in the cache.*--download-model/, ...command, 'rows.csv', '--model', 'mtm/none');
    assert.equal(Number((await cli.json('job', 'list')).total), before);
  });

  it('says of a run that failed, and of its model, what is the matter', async () => {
    // The API takes a job whose model is not there.
    const { id } = (await service.call('POST', '/jobs/', { name: 'none', dataset_id: 1, model_name: 'mtm/none' })).body;
    const name = `job-${id}`;
    await fails(1, /mtm\/none/, 'run', 'watch', name);
    // Leave `withoutModel` out of src/cli/runs/download.ts and src/cli/openai/chat.ts, and they name a run 1 and an endpoint.
    const failed = new RegExp(`^${name} has no model: its run failed\\. .*mtm/none`);
    await fails(1, failed, 'download', name);
    await fails(1, failed, 'chat', name, 'hello');
    await fails(1, /^There is no model nobody\/nothing\. `mtm model list` shows/, 'chat', 'nobody/nothing', 'hello');
  });

  it('creates a job once where the answer is lost', async () => {
    // Send no Idempotency-Key in `createJob` (src/cli/jobs/jobs.ts), and the command says that nothing answers.
    const { url, lost, close } = await losingAnswers(service.apiUrl, 'POST /api/v1/jobs/ ');
    const before = Number((await cli.json('job', 'list')).total);
    const created = await cli.mtm('job', 'create', '1', '--model', TINY_MODEL, ...SHORT, '--server', url);
    assert.equal(created.exitCode, 0, created.stderr);
    assert.deepEqual([lost(), Number((await cli.json('job', 'list')).total)], [1, before + 1]);
    close();
  });

  it('makes a project of a file that names datasets by path and by name', async () => {
    const project = {
      ...{
        name: 'Mixed',
        base_model: TINY_MODEL,
        output_directory: 'mixed',
        max_rows: 40,
        batch_size: 8,
        max_steps: 3,
      },
      traits: [
        { trait_type: 'coding', datasets: [{ dataset: '../desk/rows.csv', percentage: 100 }] },
        { trait_type: 'general_tools', datasets: [{ dataset: 'others', percentage: 100 }] },
      ],
    };
    const yaml = JSON.stringify(project).replace(/^\{/, '# YAML has comments, and JSON is YAML\n{');
    await writeFile(join(folder, 'project.yaml'), yaml);
    const plan = await documented('POST /projects/plan', 200, 'project', 'plan', '-f', 'project.yaml');
    assert.equal((plan.traits as unknown[]).length, 2);
    const { id } = await documented('POST /projects/', 201, 'project', 'create', '-f', 'project.yaml');
    await fails(1, /project-1 has no run yet/, 'run', 'watch', 'project-1');
    await documented('POST /projects/{id}/start', 200, 'project', 'start', `project-${id}`);
    await documented('GET /projects/', 200, 'project', 'list');
    await documented('GET /projects/{id}', 200, 'project', 'show', `project-${id}`);
    const { exitCode, stdout, stderr } = await cli.mtm('run', 'watch', `project-${id}`);
    assert.equal(exitCode, 0, stderr);
    assert.match(stdout, /│ general_tools │/);
    await writeFile(join(folder, 'torn.yaml'), 'name: [');
    await fails(1, /torn\.yaml is no YAML/, 'project', 'plan', '-f', 'torn.yaml');
  });

  it('shows the versions of a project, and what cannot be made its latest', async () => {
    // Leave projectOf out of src/cli/projects/versions.ts, and job-1 is asked for as project-1.
    const { latest, items } = await documented('GET /projects/{id}/versions', 200, 'project', 'versions', 'project-1');
    assert.deepEqual([latest, (items as { model: string }[]).map(({ model }) => model)], [1, ['project-1:1']]);
    assert.match(
      (await cli.mtm('project', 'versions', 'project-1')).stdout,
      /1 +passed +project-1:1 +latest, candidate/,
    );
    const why = ['--reason', 'to see'];
    await fails(
      1,
      /version is 1, which is the latest of project 1 already/,
      'project',
      'promote',
      'project-1',
      '1',
      ...why,
    );
    await fails(1, /Project 1 has no version before 1/, 'project', 'rollback', 'project-1', ...why);
    await fails(2, /required option '--reason <text>'/, 'project', 'rollback', 'project-1');
    await fails(2, /job-1 is not a project/, 'project', 'versions', 'job-1');
  });

  it('compares, downloads on from where it broke off, and shows logs', async () => {
    const { runs, reports } = await cli.json('compare', 'job-1', 'project-1');
    assert.deepEqual([(runs as unknown[]).length, (reports as unknown[]).length], [2, 2]);
    assert.match((await cli.mtm('compare', 'job-1', 'project-1')).stdout, /│ max_steps +│ 4 +│ 3 +│/);
    // Take `hyperparameters` of a job in place of its run's in src/cli/runs/settings.ts, and a default is no row.
    const rate = ['--model', TINY_MODEL, ...SHORT, '--learning-rate', '0.001'];
    const { id: other } = await cli.json('job', 'create', 'rows.csv', ...rate);
    assert.match((await cli.mtm('compare', 'job-1', `job-${other}`)).stdout, /│ learning_rate +│ 0\.\d+ +│ 0\.001 +│/);
    const file = join(folder, 'model', 'model.safetensors');
    const [whole, { size }] = [await readFile(file), await stat(file)];
    // Ask without a Range in `fetchRest` (src/cli/runs/download.ts), and a file of half its bytes more is refused for its hash.
    await truncate(file, size / 2);
    await rename(file, `${file}.part`);
    await documented('GET /jobs/{id}/files', 200, 'download', 'job-1', 'model');
    assert.ok(whole.equals(await readFile(file)));
    await writeFile(file, 'another one');
    await cli.mtm('download', 'job-1-run-1', 'model');
    assert.ok(whole.equals(await readFile(file)), 'one that is not what it should be is fetched again');
    assert.ok((await cli.mtm('logs', 'job-1', '--follow', '--tail', '3')).stdout.split('\n').length <= 3);
    // Say nothing of no line in src/cli/runs/logs.ts, and it looks as if there had been no validation.
    const { exitCode, stdout, stderr } = await cli.mtm('logs', 'job-1', '--validation');
    assert.equal(exitCode, 0);
    assert.match(stdout + stderr, stdout === '' ? /^The validation of job-1 has written no line\.$/ : /./);
    await fails(1, /Run of job 1 with number 7 not found/, 'download', 'job-1-run-7');
  });

  it('asks what a run of the type rag has made', async () => {
    const models = ['--model', TINY_MODEL, '--embedding-model', TINY_EMBEDDER];
    const { exitCode, stderr } = await cli.mtm(
      'train',
      'others.csv',
      '--type',
      'rag',
      '--chunk-tokens',
      '100',
      ...models,
      '--watch',
    );
    assert.equal(exitCode, 0, stderr);
    const id = (await cli.json('job', 'list')).items as { id: number }[];
    const found = await documented(
      'POST /jobs/{id}/query',
      200,
      'query',
      `job-${id[0]?.id}`,
      'other',
      'number',
      '3',
      '--top',
      '2',
    );
    assert.equal((found.results as unknown[]).length, 2);
    await fails(1, /rag/, 'query', 'job-1', 'anything');
  });

  it('watches a run through an API that is killed; Ctrl-C leaves it; pause, resume, cancel and retry act on it', async () => {
    const { id } = await cli.json('job', 'create', 'rows.csv', '--model', TINY_MODEL, ...LONG);
    const name = `job-${id}`;
    const watches: Begun[] = [cli.begin('run', 'watch', name), cli.begin('run', 'watch', name)];
    const [left, watch] = watches as [Begun, Begun];
    for (const each of watches) await each.says(/ % {2}training {2}step/);
    left.child.kill('SIGINT');
    assert.equal(await left.ended(), 130);
    assert.match(
      left.said,
      new RegExp(
        `Left\\. The run goes on: .mtm run watch ${name}-run-1. comes back to it, .mtm cancel ${name}. ends it`,
      ),
    );
    // Begin without Last-Event-ID in src/cli/api/run-stream.ts, and what was said before the kill is said again.
    const api = (await processesOf(service.env.home)).find(({ command }) => / api\s*$/.test(command));
    assert.ok(api, 'the API is a process');
    process.kill(api.pid, 'SIGKILL');
    await watch.says(/The service answers again/);
    await documented('POST /jobs/{id}/pause', 200, 'pause', name);
    await watch.says(/paused/);
    // Resumed before its worker has let it go, it would not stop at all.
    await until('its worker to let it go', async () =>
      (await cli.json('job', 'show', name)).status === 'running' ? null : true,
    );
    await documented('POST /jobs/{id}/resume', 200, 'resume', name);
    await watch.says(/goes on from step/);
    await documented('POST /jobs/{id}/cancel', 200, 'cancel', `${name}-run-1`);
    assert.equal(await watch.ended(), 4, watch.said);
    assert.equal(watch.said.match(/step 0: held-out loss/g)?.length, 1, watch.said);
    await documented('POST /jobs/{id}/start', 200, 'retry', name);
    await fails(
      1,
      new RegExp(`${name}-run-1 is not the latest run of ${name}, which is run 2`),
      'cancel',
      `${name}-run-1`,
    );
    await cli.mtm('cancel', name);
    await until('the run to end', async () =>
      (await cli.json('job', 'show', name)).status === 'cancelled' ? true : null,
    );
  });

  it('goes on with a watch through a killed API to the result, with exit code 0', async () => {
    const steps = ['--batch-size', '2', '--max-steps', '60', '--lora-r', '4', '--max-length', '64'];
    const { id } = await cli.json('job', 'create', 'rows.csv', '--model', TINY_MODEL, ...steps);
    const watch = cli.begin('run', 'watch', `job-${id}`);
    await watch.says(/ % {2}(training|loading)/);
    const api = (await processesOf(service.env.home)).find(({ command }) => / api\s*$/.test(command));
    process.kill(Number(api?.pid), 'SIGKILL');
    assert.equal(await watch.ended(), 0, watch.said);
    assert.match(watch.said, /The service does not answer[\s\S]*The service answers again[\s\S]*Held-out rows/);
  });

  it('shows the service, its models and workers, and talks with a model', async () => {
    const status = await cli.json('status');
    answers.check('GET', '/health', 200, status.health);
    answers.check('GET', '/workers/', 200, status.workers);
    answers.check('GET', '/runs/', 200, status.open);
    const screen = (await cli.mtm('status')).stdout;
    assert.ok(screen.split('\n').length <= 24, screen);
    for (const says of [
      /healthy/,
      /^Workers {3}1 of 4: 0 busy, 1 idle/m,
      /^Disk {6}[\d.]+ GB of [\d.]+ GB free for datasets and runs, outputs, base models$/m,
      /job-\d-run-1 +rows\.csv +completed/,
    ])
      assert.match(screen, says);
    // Leave `is_short` out of `unwell` (src/cli/service/status.ts), and nobody is warned.
    await withFullDisk(service.databaseUrl, async () => {
      const { stdout } = await cli.mtm('status');
      assert.match(stdout, /^ {2}full +only 1\.0 GB are free at \/full: make room there/m);
    });
    const watched = cli.begin('status', '--watch');
    await watched.says(/Ended/);
    watched.child.kill('SIGINT');
    assert.equal(await watched.ended(), 130);
    await documented('GET /health', 200, 'open');
    assert.equal((await cli.mtm('open')).stdout, service.apiUrl);
    await documented('GET /models/', 200, 'model', 'list');
    await documented('GET /models/{name}', 200, 'model', 'show', TINY_MODEL);
    const said = await cli.json('chat', 'job-1', 'hello', '--max-tokens', '4');
    assert.equal(said.object, 'chat.completion');
    await documented('GET /workers/', 200, 'worker', 'list');
    for (const act of [['start', '1'], ['restart'], ['stop']])
      await documented('POST /workers/', 200, 'worker', ...act);
    const { items } = await cli.json('doctor');
    assert.ok((items as unknown[]).length > 8);
  });

  it('brings a model in, also one that waits, and deletes it', async () => {
    hub.add('org/model', filesOf(3_000_000));
    hub.sendUpTo(1_000_000);
    const { id } = await documented('POST /models/', 201, 'model', 'add', 'org/model');
    for (const act of ['pause', 'resume'])
      await documented(`POST /model-downloads/{id}/${act}`, 200, 'model', act, String(id));
    const watched = cli.begin('model', 'add', 'org/model', '--watch');
    await watched.says(/MB of 3\.0 MB/);
    watched.child.kill('SIGINT');
    assert.equal(await watched.ended(), 130);
    hub.sendUpTo(Number.POSITIVE_INFINITY);
    const done = await documented('GET /model-downloads/{id}', 200, 'model', 'add', 'org/model', '--watch');
    assert.equal(done.status, 'completed');
    await documented('GET /model-downloads/', 200, 'model', 'downloads');
    assert.match((await cli.mtm('model', 'list')).stdout, /org\/model/);
    await cli.json('model', 'rm', 'org/model');
    await fails(1, /There is no model org\/model/, 'model', 'rm', 'org/model');
    await fails(1, /is completed and cannot be cancelled/, 'model', 'cancel', String(id));
  });

  it('lets a run fetch its base model, of jobs and projects, also when it is started again', async () => {
    // Rename `download-model` in src/cli/jobs/hyperparameter-options.ts, and it is no option any more.
    // It is there and away: runs wait for it, however long each command takes.
    hub.add('org/fetched', filesOf(3_000_000));
    hub.refusal = { status: 503 };
    const fetched = ['--model', 'org/fetched', '--download-model'];
    const isToFetch = async (path: string) => {
      const { items } = (await service.call('GET', `${path}/runs`)).body as { items: { spec: { download?: true } }[] };
      return items[0]?.spec.download;
    };
    const { id } = await documented('POST /jobs/', 201, 'job', 'create', 'rows.csv', ...fetched);
    await documented('POST /jobs/{id}/cancel', 200, 'cancel', `job-${id}`);
    await documented('POST /jobs/{id}/start', 200, 'retry', `job-${id}`, '--fresh', '--download-model');
    assert.equal(await isToFetch(`/jobs/${id}`), true);
    await documented('POST /jobs/{id}/cancel', 200, 'cancel', `job-${id}`);

    // Leave `download` to ProjectCreate (trainProject in src/cli/jobs/train.ts), and it is refused.
    const project = await cli.json('train', 'rows.csv', 'others.csv', ...fetched);
    assert.equal(await isToFetch(`/projects/${project.id}`), true);
    await documented('POST /projects/{id}/cancel', 200, 'cancel', `project-${project.id}`);
    const start = ['project', 'start', `project-${project.id}`, '--download-model'];
    await documented('POST /projects/{id}/start', 200, ...start);
    await documented('POST /projects/{id}/cancel', 200, 'cancel', `project-${project.id}`);
    hub.refusal = null;
  });
});

/** A host whose disk has little room is there for as long as `look` takes. */
async function withFullDisk(databaseUrl: string, look: () => Promise<void>): Promise<void> {
  const disk = { path: '/full', holds: ['outputs'], bytes: 1e10, free_bytes: 1e9 };
  const memory = { bytes: 1, available_bytes: 1, cpu: 'Some CPU', cpu_has_bf16: true, gpus: [], disks: [disk] };
  const database = new pg.Client(databaseUrl);
  await database.connect();
  await database.query(
    `INSERT INTO hosts (name, agent_pid, devices, heartbeat_at, started_at, memory) VALUES ('full', 1, '["cpu"]', now(), now(), $1)`,
    [JSON.stringify(memory)],
  );
  await look().finally(async () => {
    await database.query("DELETE FROM hosts WHERE name = 'full'");
    await database.end();
  });
}

/** A way to the API on which the answer to the first request that begins so is lost, after the API has given it. */
async function losingAnswers(apiUrl: string, begin: string) {
  const { hostname, port } = new URL(apiUrl);
  let lost = 0;
  const server = createServer((client) => {
    const api = connect(Number(port), hostname);
    let isLost = false;
    client.on('data', (part) => {
      isLost ||= lost === 0 && part.toString('latin1').startsWith(begin);
      api.write(part);
    });
    api.on('data', (part) => {
      if (!isLost) return void client.write(part);
      lost += 1;
      client.destroy();
    });
    client.on('close', () => api.destroy()).on('error', () => {});
    api.on('close', () => client.destroy()).on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, lost: () => lost, close: () => server.close() };
}
