import assert from 'node:assert/strict';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { COMPLETE, putDirectory, putInCache, SHARDED, withHeader, without } from '../../support/base-models.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { DocumentedAnswers } from '../../support/openapi.ts';

describe('base models in the API', function () {
  this.timeout(120_000);
  let database: TestDatabase;
  let api: ApiOnly;
  let root: string;
  let documented: DocumentedAnswers;

  before(async () => {
    database = await startTestDatabase();
    root = join(database.home, 'mine');
    await mkdir(root);
    // Without the trainer's Python, which would try the templates of models that are none (tests/api/datasets/row-tokens.test.ts).
    const changes = {
      modelCache: join(database.home, 'cache'),
      python: undefined,
      toolsDir: join(database.home, 'tools'),
    };
    api = await startTestApi(database, { ...changes, modelRoots: [root] });
    documented = new DocumentedAnswers((await api.call('GET', '/openapi.json')).body as never);
  });

  after(async () => {
    await api?.close();
    await database?.remove();
  });

  afterEach(async () => {
    for (const directory of [api.env.modelCache, root]) await rm(directory, { recursive: true, force: true });
  });

  const put = (name: string, files: typeof COMPLETE) => putInCache(api.env.modelCache, name, files);

  async function get(name: string, status = 200) {
    const answer = await api.call('GET', `/models/${name}`);
    assert.equal(answer.status, status, JSON.stringify(answer.body));
    documented.check('GET', `/models/${encodeURIComponent(name)}`, status, answer.body);
    return answer.body;
  }

  it('are told of by their name, as it is or encoded', async () => {
    const path = await put('org/model', {
      ...without('model.safetensors'),
      'config.json': JSON.stringify({
        model_type: 'llama',
        architectures: ['LlamaForCausalLM'],
        max_position_embeddings: 99,
      }),
      'README.md': '---\nlanguage: en\nlicense: apache-2.0\n---\n# Model',
      'model.safetensors': withHeader(
        JSON.stringify({
          b: { dtype: 'F32', shape: [3], data_offsets: [40, 52] },
          a: { dtype: 'BF16', shape: [2, 5, 2], data_offsets: [0, 40] },
          c: { dtype: 'F32', shape: [], data_offsets: [52, 56] },
        }),
        56,
      ),
      'chat_template.jinja': '{{ messages }}',
      '1_Pooling/config.json': '{}',
    });
    const { size_bytes, disk_bytes, ...told } = await get('org/model');
    assert.deepEqual(told, {
      name: 'org/model',
      available: true,
      path,
      errors: [],
      resolved_name: 'org/model',
      revision: 'abc123',
      parameters: 24,
      parameters_by_dtype: { BF16: 20, F32: 4 },
      architecture: 'LlamaForCausalLM',
      model_type: 'llama',
      context_length: 99,
      license: 'apache-2.0',
      chat_template: 'own',
      quantization: null,
      template: null,
    });
    assert.ok(Number(size_bytes) > 300);
    // The reference to its snapshot as well.
    assert.equal(disk_bytes, Number(size_bytes) + 'abc123'.length);
    for (const name of ['org%2Fmodel', 'org/model@abc123', 'org%2Fmodel%40main'])
      assert.equal((await get(name)).path, path, name);
  });

  it('are told of by their directory', async () => {
    const directory = join(root, 'sharded');
    await putDirectory(directory, SHARDED);
    for (const name of [directory, encodeURIComponent(directory)]) {
      const { path, parameters, context_length, chat_template } = await get(name);
      assert.deepEqual([path, parameters, context_length, chat_template], [directory, 9, null, 'default']);
    }
  });

  it('say what is in their files, however it is written', async () => {
    const facts = async (config: object, others: Record<string, string> = {}) => {
      await putDirectory(join(root, 'model'), { ...COMPLETE, 'config.json': JSON.stringify(config), ...others });
      return await get(encodeURIComponent(join(root, 'model')));
    };
    const card = (front: string) => ({ 'README.md': `---\n${front}\n---\n` });
    assert.equal((await facts({ text_config: { max_position_embeddings: 7 } })).context_length, 7);
    assert.equal((await facts({ n_positions: 8 })).context_length, 8);
    assert.equal((await facts({ max_position_embeddings: 'many' })).context_length, null);
    assert.equal((await facts({ architectures: [] })).architecture, null);
    assert.equal((await facts({ quantization_config: { quant_method: 'gptq' } })).quantization, 'gptq');
    assert.equal((await facts({}, card('license: other\nlicense_name: own-1'))).license, 'own-1');
    assert.equal((await facts({}, card('license: [mit, bsd]'))).license, 'mit, bsd');
    assert.equal((await facts({}, card('license: {'))).license, null);
    assert.equal((await facts({}, { 'README.md': 'license: mit' })).license, null);
    const template = { 'tokenizer_config.json': '{"chat_template": "{{ messages }}"}' };
    assert.equal((await facts({})).chat_template, 'default');
    assert.equal((await facts({}, template)).chat_template, 'own');
  });

  it('are listed, those that are not usable with the reason', async () => {
    await put('org/model', COMPLETE);
    await put('org/broken', { ...without('config.json'), 'README.md': '---\nlicense: mit\n---' });
    await putDirectory(join(root, 'mine'), { 'config.json': '{"model_type": "llama"}' });
    const answer = await api.call('GET', '/models/');
    documented.check('GET', '/models/', answer.status, answer.body);
    const items = answer.body.items as { name: string; available: boolean; errors: string[]; license: string }[];
    assert.deepEqual(
      items.map(({ name, available }) => [name, available]),
      [
        [join(root, 'mine'), false],
        ['org/broken', false],
        ['org/model', true],
      ],
    );
    assert.match(
      String(items[0]?.errors),
      /tokenizer.json or tokenizer.model is missing.*model.safetensors is missing/,
    );
    assert.match(String(items[1]?.errors), /config.json is missing. Get it again with `mtm model add org\/broken`/);
    assert.equal(items[1]?.license, 'mit');
    assert.deepEqual(await get('org/broken'), { ...items[1], template: null });
    const usable = await api.call('GET', '/projects/models/available');
    assert.deepEqual(usable.body, ['org/model']);
  });

  it('that are not there are 404, with what to do', async () => {
    assert.match(String((await get('none/such', 404)).detail), /Fetch it with `mtm model add none\/such`/);
    assert.match(String((await get('/etc', 404)).detail), /add its directory to MTM_MODEL_ROOTS/);
    assert.match(String((await get('%2Fetc%2f..', 404)).detail), /add its directory to MTM_MODEL_ROOTS/);
    assert.match(String((await get('a%00b', 422)).detail), /name is/);
    assert.match(String((await get('%E0%A4%A', 404)).detail), /is no model/);
    const missing = await api.call('POST', '/projects/validate-model', { model_name: 'none/such' });
    documented.check('POST', '/projects/validate-model', 200, missing.body);
    assert.deepEqual(Object.keys(missing.body), [
      'available',
      'model_name',
      'path',
      'errors',
      'resolved_name',
      'revision',
    ]);
  });
});
