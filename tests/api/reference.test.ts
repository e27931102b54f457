import assert from 'node:assert/strict';
import { access, cp, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { settledPool } from '../support/hosts.ts';
import { DocumentedAnswers } from '../support/openapi.ts';
import { csvRows } from '../support/rows.ts';
import { startTestService, type TestService, TINY_MODEL, until } from '../support/service.ts';

/** What the reference names, method by method. */
const OPERATIONS = [
  'GET /health',
  'POST /datasets/',
  'GET /datasets/',
  'GET /datasets/{id}',
  'PATCH /datasets/{id}',
  'DELETE /datasets/{id}',
  'POST /jobs/',
  'GET /jobs/',
  'GET /jobs/{id}',
  'GET /jobs/{id}/status',
  'POST /jobs/{id}/cancel',
  'GET /config/',
  'PATCH /config/',
  'GET /workers/',
  'POST /workers/',
  'POST /projects/',
  'GET /projects/',
  'GET /projects/{id}',
  'PATCH /projects/{id}',
  'POST /projects/{id}/start',
  'POST /projects/{id}/validate',
  'POST /projects/validate-output-dir',
  'POST /projects/validate-model',
  'GET /projects/models/available',
];

const LLAMA = 'meta-llama/Llama-3.2-3B-Instruct';

describe('the API as the reference describes it', function () {
  this.timeout(240_000);
  let service: TestService;
  let remove: () => Promise<void>;
  let documented: DocumentedAnswers;

  before(async () => {
    ({ service, remove } = await startTestService());
    documented = new DocumentedAnswers((await service.call('GET', '/openapi.json')).body as never);
    // The reference's example names a large model: a tiny one takes its place in the cache.
    const folder = (name: string) => join(service.env.modelCache, `models--${name.replace('/', '--')}`);
    await cp(folder(TINY_MODEL), folder(LLAMA), { recursive: true, verbatimSymlinks: true });
  });

  after(() => remove?.());

  /** Every answer is checked against the OpenAPI document. */
  async function call(method: string, path: string, body?: unknown) {
    const answer = await service.call(method, path, body);
    documented.check(method, path, answer.status, answer.body);
    return answer;
  }

  async function expectRefusal(status: number, sentence: RegExp, method: string, path: string, body?: unknown) {
    const answer = await call(method, path, body);
    assert.equal(answer.status, status, JSON.stringify(answer.body));
    assert.deepEqual(Object.keys(answer.body), ['detail']);
    assert.match(String(answer.body.detail), sentence);
  }

  async function upload(filename: string, content: string, fields = {}) {
    const answer = await service.upload(filename, content, fields);
    documented.check('POST', '/datasets/', answer.status, answer.body);
    return answer;
  }

  it('documents every endpoint', () => {
    const operations = documented.operations();
    assert.deepEqual(
      OPERATIONS.filter((operation) => !operations.includes(operation)),
      [],
    );
  });

  it('shows its page without the internet', async () => {
    const page = await (await fetch(`${service.apiUrl}/docs`)).text();
    const assets = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => String(match[1]));
    assert.ok(assets.length >= 2);
    for (const asset of assets) assert.equal((await fetch(`${service.apiUrl}${asset}`)).status, 200, asset);
  });

  it('answers health under the base URL and at the root', async () => {
    const { body } = await call('GET', '/health');
    assert.deepEqual(
      { status: body.status, version: body.version, environment: body.environment },
      { status: 'healthy', version: '1.0.0', environment: 'production' },
    );
    assert.deepEqual(await (await fetch(`${service.apiUrl}/health`)).json(), body);
  });

  it('keeps datasets', async () => {
    const { status, body } = await upload('data.csv', csvRows(100), {
      name: 'Training Dataset',
      description: 'Sample training data',
    });
    assert.equal(status, 201);
    const { name, description, filename, file_type, row_count, column_count, columns } = body;
    assert.deepEqual(
      { name, description, filename, file_type, row_count, column_count, columns },
      {
        name: 'Training Dataset',
        description: 'Sample training data',
        filename: 'data.csv',
        file_type: 'csv',
        row_count: 100,
        column_count: 2,
        columns: '["input", "output"]',
      },
    );
    assert.deepEqual((await call('GET', `/datasets/${body.id}`)).body, body);

    const renamed = await call('PATCH', `/datasets/${body.id}`, { name: 'Updated Name' });
    assert.deepEqual([renamed.body.name, renamed.body.description], ['Updated Name', 'Sample training data']);

    const file = join(service.env.home, String(body.file_path));
    await access(file);
    assert.equal((await call('DELETE', `/datasets/${body.id}`)).status, 204);
    await assert.rejects(access(file), 'the file is gone with its row');
    await expectRefusal(404, /Dataset \d+ not found/, 'GET', `/datasets/${body.id}`);
    await expectRefusal(404, /Dataset \d+ not found/, 'DELETE', `/datasets/${body.id}`);
  });

  it('refuses files that hold no data, and keeps nothing of them', async () => {
    const stored = async () => (await readdir(join(service.env.home, 'uploads'), { recursive: true })).sort();
    const before = await stored();
    for (const [filename, content] of [
      ['data.exe', 'MZ'],
      ['data.csv', ''],
      ['data.json', '{"a": '],
      ['data.csv', 'input,output'],
    ] as const) {
      const { status, body } = await upload(filename, content);
      assert.equal(status, 400, JSON.stringify(body));
      assert.ok(String(body.detail).length > 20);
    }
    assert.deepEqual(await stored(), before);
  });

  it('turns pages', async () => {
    for (let i = 0; i < 3; i++) assert.equal((await upload(`page-${i}.csv`, csvRows(2))).status, 201);
    const first = (await call('GET', '/datasets/?page_size=2')).body;
    const second = (await call('GET', '/datasets/?page=2&page_size=2')).body;
    const names = [...(first.items as { name: string }[]), ...(second.items as { name: string }[])].map(
      ({ name }) => name,
    );
    assert.deepEqual(names, ['page-2.csv', 'page-1.csv', 'page-0.csv']);
    const { total, page, page_size, pages } = first;
    assert.deepEqual({ total, page, page_size, pages }, { total: 3, page: 1, page_size: 2, pages: 2 });
    await expectRefusal(422, /page_size is "101"/, 'GET', '/datasets/?page_size=101');
    await expectRefusal(422, /page is "0"/, 'GET', '/jobs/?page=0');
    await expectRefusal(422, /status is "done"/, 'GET', '/jobs/?status=done');
  });

  it('takes the example of a job, shows where it stands, and cancels it once', async () => {
    const dataset = await upload('job.csv', csvRows(40));
    const { status, body } = await call('POST', '/jobs/', {
      name: 'My Training Job',
      description: 'Fine-tuning with custom data',
      dataset_id: dataset.body.id,
      training_type: 'qlora',
      model_name: 'llama3.2:3b',
      batch_size: 4,
      learning_rate: 0.0002,
      epochs: 3,
      lora_r: 16,
      lora_alpha: 32,
      lora_dropout: 0.05,
    });
    assert.equal(status, 201, JSON.stringify(body));
    assert.deepEqual([body.status, body.training_type, body.progress, body.current_epoch], ['pending', 'qlora', 0, 0]);
    const { id } = body;
    assert.deepEqual(Object.keys((await call('GET', `/jobs/${id}/status`)).body), [
      'id',
      'status',
      'progress',
      'current_epoch',
      'current_loss',
      'error_message',
    ]);
    assert.equal((await call('POST', `/jobs/${id}/cancel`)).body.status, 'cancelled');
    await expectRefusal(400, /is cancelled and cannot be cancelled/, 'POST', `/jobs/${id}/cancel`);
    const listed = (await call('GET', '/jobs/?status=cancelled')).body.items as { id: number }[];
    assert.ok(listed.some((job) => job.id === id));
    assert.deepEqual((await call('GET', '/jobs/?status=completed')).body.items, []);
    await expectRefusal(409, /Dataset \d+ is used by job \d+/, 'DELETE', `/datasets/${dataset.body.id}`);
  });

  it('takes the example of a project, trains it and validates the model', async () => {
    const ids: number[] = [];
    for (let i = 0; i < 5; i++) ids.push(Number((await upload(`p${i}.csv`, csvRows(40, `set ${i}`))).body.id));
    const share = (index: number, percentage: number) => ({ dataset_id: ids[index], percentage });
    const example = {
      name: 'My Reasoning Project',
      description: 'Fine-tuning for reasoning tasks',
      base_model: LLAMA,
      training_type: 'qlora',
      max_rows: 50_000,
      output_directory: 'my-project',
      traits: [
        { trait_type: 'reasoning', datasets: [share(0, 100)] },
        { trait_type: 'coding', datasets: [share(1, 100)] },
        { trait_type: 'general_tools', datasets: [share(2, 50), share(3, 30), share(4, 20)] },
      ],
    };
    const created = await call('POST', '/projects/', { ...example, max_length: 64 });
    assert.equal(created.status, 201, JSON.stringify(created.body));
    const { id } = created.body;
    const traits = created.body.traits as { trait_type: string; datasets: unknown[] }[];
    assert.deepEqual(
      traits.map(({ trait_type, datasets }) => ({ trait_type, datasets })),
      example.traits,
    );
    assert.equal((await call('PATCH', `/projects/${id}`, { name: 'Updated Project Name' })).body.id, id);
    await expectRefusal(422, /Unknown body field "traits"/, 'PATCH', `/projects/${id}`, { traits: [] });
    await expectRefusal(400, /is not started; validate it once/, 'POST', `/projects/${id}/validate`);

    assert.equal((await call('POST', `/projects/${id}/start`)).body.status, 'pending');
    await expectRefusal(409, /Cancel it, or wait/, 'POST', `/projects/${id}/start`);
    assert.equal((await call('POST', '/workers/', { action: 'start', worker_count: 1 })).status, 200);
    await settledPool(service, 1);
    const done = await until('the project to end', async () => {
      const { body } = await call('GET', `/projects/${id}`);
      return ['completed', 'failed'].includes(String(body.status)) ? body : null;
    });
    assert.equal(done.status, 'completed', String(done.error_message));
    const { body: result } = await call('POST', `/projects/${id}/validate`);
    assert.equal(result.valid, true, JSON.stringify(result));
    assert.ok((result.files as { files_checked: string[] }).files_checked.includes('config.json'));
    const { items, total } = (await call('GET', '/projects/')).body as { items: { id: number }[]; total: number };
    assert.deepEqual([items.map((project) => project.id), total], [[id], 1]);
    assert.equal((await call('POST', '/workers/', { action: 'stop' })).status, 200);
    await settledPool(service, 0);
  });

  it('starts no project whose model is not there', async () => {
    const dataset = await upload('none.csv', csvRows(20));
    const traits = [{ trait_type: 'coding', datasets: [{ dataset_id: dataset.body.id, percentage: 100 }] }];
    const given = { name: 'p', base_model: 'none/such', output_directory: 'none', traits };
    const { body } = await call('POST', '/projects/', given);
    await expectRefusal(400, /none\/such is not in the cache .*`mtm model add/, 'POST', `/projects/${body.id}/start`);
    assert.equal((await call('GET', `/projects/${body.id}`)).body.run_id, null, 'nothing is half-done');
  });

  it('looks at models and output directories', async () => {
    const available = (await call('GET', '/projects/models/available')).body;
    assert.deepEqual(available, [LLAMA, TINY_MODEL]);
    const found = (await call('POST', '/projects/validate-model', { model_name: LLAMA })).body;
    assert.deepEqual([found.available, found.errors], [true, []]);
    assert.match(String(found.path), /models--meta-llama--Llama-3.2-3B-Instruct\/snapshots\/\w+$/);
    const missing = (await call('POST', '/projects/validate-model', { model_name: 'none/such' })).body;
    assert.deepEqual([missing.available, missing.path], [false, null]);

    const path = join(service.env.outputRoots[0] ?? '', 'my-project');
    await mkdir(path, { recursive: true });
    assert.deepEqual((await call('POST', '/projects/validate-output-dir', { output_directory: path })).body, {
      valid: true,
      writable: true,
      path,
      errors: [],
    });
    await expectRefusal(400, /does not exist\. Create/, 'POST', '/projects/validate-output-dir', {
      output_directory: 'none/such',
    });
    await expectRefusal(400, /outside the allowed/, 'POST', '/projects/validate-output-dir', {
      output_directory: '/etc/x',
    });
  });

  it('keeps the configuration, which new jobs take their defaults from', async () => {
    const changed = await call('PATCH', '/config/', { max_concurrent_workers: 8, default_batch_size: 8 });
    assert.deepEqual([changed.body.max_concurrent_workers, changed.body.default_batch_size], [8, 8]);
    assert.deepEqual((await call('GET', '/config/')).body, changed.body);
    const dataset = await upload('config.csv', csvRows(20));
    const job = await call('POST', '/jobs/', { name: 'defaults', dataset_id: dataset.body.id });
    assert.deepEqual([job.body.batch_size, job.body.model_name], [8, changed.body.default_model]);
    await call('POST', `/jobs/${job.body.id}/cancel`);
    await expectRefusal(400, /max_concurrent_workers/, 'POST', '/workers/', { action: 'start', worker_count: 9 });
  });

  it('names field, value and remedy in every refusal', async () => {
    const project = { name: 'p', output_directory: 'x', traits: [] };
    const refusals: [status: number, sentence: RegExp, method: string, path: string, body?: unknown][] = [
      [404, /Job 999999 not found/, 'GET', '/jobs/999999'],
      [404, /Job 999999 not found/, 'POST', '/jobs/999999/cancel'],
      [404, /Project 999999 not found/, 'POST', '/projects/999999/start'],
      [422, /id is "x"/, 'GET', '/projects/x'],
      [400, /dataset_id 999999 is no dataset/, 'POST', '/jobs/', { name: 'j', dataset_id: 999999 }],
      [422, /dataset_id is required/, 'POST', '/jobs/', { name: 'j' }],
      [422, /batch_size is -1/, 'POST', '/jobs/', { name: 'j', dataset_id: 1, batch_size: -1 }],
      [422, /Unknown body field "epoch"/, 'POST', '/jobs/', { name: 'j', dataset_id: 1, epoch: 3 }],
      [422, /training_type is "dora"/, 'POST', '/jobs/', { name: 'j', dataset_id: 1, training_type: 'dora' }],
      [
        400,
        /weights is "bf16"/,
        'POST',
        '/jobs/',
        { name: 'j', dataset_id: 1, training_type: 'lora', weights: 'bf16' },
      ],
      [
        400,
        /merge is false, and training_type is standard, which trains no adapters\. Leave it out/,
        'POST',
        '/jobs/',
        { name: 'j', dataset_id: 1, training_type: 'standard', merge: false },
      ],
      [
        400,
        /lora_target_modules is \["q_proj"\], and training_type is standard/,
        'POST',
        '/jobs/',
        { name: 'j', dataset_id: 1, training_type: 'standard', lora_target_modules: ['q_proj'] },
      ],
      [422, /lora_dropout is 1/, 'POST', '/jobs/', { name: 'j', dataset_id: 1, lora_dropout: 1 }],
      [
        400,
        /embedding_model is "org\/e", and training_type is qlora, which makes no index\. Leave it out/,
        'POST',
        '/jobs/',
        { name: 'j', dataset_id: 1, training_type: 'qlora', embedding_model: 'org/e' },
      ],
      [
        400,
        /chunk_overlap is 50/,
        'POST',
        '/jobs/',
        { name: 'j', dataset_id: 1, chunk_tokens: 100, chunk_overlap: 50 },
      ],
      [
        400,
        /eval_steps is 0, so early_stopping_patience/,
        'POST',
        '/jobs/',
        { name: 'j', dataset_id: 1, eval_steps: 0, early_stopping_patience: 3 },
      ],
      [400, /traits is empty/, 'POST', '/projects/', project],
      [422, /output_directory is required/, 'POST', '/projects/', { name: 'p', traits: [] }],
      [422, /worker_count is required/, 'POST', '/workers/', { action: 'start' }],
      [422, /action is "kill"/, 'POST', '/workers/', { action: 'kill' }],
      [422, /default_epochs is 0/, 'PATCH', '/config/', { default_epochs: 0 }],
    ];
    for (const refusal of refusals) await expectRefusal(...refusal);
    assert.equal((await call('GET', '/jobs/?page_size=100')).body.total, 2, 'no refused job was kept');
  });

  it('refuses what is no JSON, no such path, and no such method', async () => {
    const send = async (method: string, path: string, type: string, body: string) => {
      const response = await fetch(`${service.apiUrl}/api/v1${path}`, {
        method,
        headers: { 'Content-Type': type },
        body,
      });
      return [response.status, ((await response.json()) as { detail: string }).detail] as const;
    };
    const [broken, why] = await send('POST', '/jobs/', 'application/json', '{"name": ');
    assert.equal(broken, 422);
    assert.match(why, /not valid JSON/);
    assert.equal((await send('POST', '/jobs/', 'text/plain', 'name'))[0], 415);
    assert.equal((await send('POST', '/datasets/', 'application/json', '{}'))[0], 415);
    assert.equal((await send('POST', '/jobs/', 'application/json', `{"name": "${'x'.repeat(2_000_000)}"}`))[0], 413);
    assert.equal((await service.call('GET', '/nothing')).status, 404);
    assert.equal((await service.call('DELETE', '/config/')).status, 405);
  });
});
