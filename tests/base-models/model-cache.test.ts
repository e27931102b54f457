import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findModel, listModels } from '../../src/base-models/find-model.ts';
import { COMPLETE, putInCache, SHARDED, safetensors, withHeader, without } from '../support/base-models.ts';

describe('the model cache', () => {
  let cache: string;

  beforeEach(async () => {
    cache = await mkdtemp(join(tmpdir(), 'mtm-test-'));
  });

  afterEach(() => rm(cache, { recursive: true, force: true }));

  const find = (name: string) =>
    findModel({ modelCache: cache, modelRoots: [], ollamaStore: join(cache, 'none') }, name);
  const list = (modelCache = cache) =>
    listModels({ modelCache, modelRoots: [], ollamaStore: join(modelCache, 'none') });
  const put = (name: string, files: typeof COMPLETE, revision?: string) => putInCache(cache, name, files, revision);

  async function unusable(name: string, why: RegExp): Promise<void> {
    const { available, path, errors } = await find(name);
    assert.deepEqual([available, path], [false, null]);
    assert.match(errors.join(' '), why);
  }

  it('has a model that is complete, also in shards', async () => {
    const path = await put('org/model', COMPLETE);
    assert.deepEqual(await find('org/model'), {
      available: true,
      model_name: 'org/model',
      path,
      directory: path,
      errors: [],
      resolved_name: 'org/model',
      revision: 'abc123',
    });
    await put('org/sharded', SHARDED);
    await put('gpt2', COMPLETE);
    assert.deepEqual(await list(), ['gpt2', 'org/model', 'org/sharded']);

    await rm(join(cache, 'models--org--sharded', 'blobs', 'abc123_model-2-of-2.safetensors'));
    await unusable(
      'org/sharded',
      /model-2-of-2.safetensors is missing. Get it again with `mtm model add org\/sharded`/,
    );
    assert.deepEqual(await list(), ['gpt2', 'org/model']);
  });

  it('has a revision of a model for as long as its snapshot is there', async () => {
    const earlier = await put('org/model', COMPLETE, 'aaa111');
    const later = await put('org/model', COMPLETE, 'bbb222');
    await writeFile(join(cache, 'models--org--model', 'refs', 'v1'), 'aaa111\n');
    for (const [name, path] of [
      ['org/model', later],
      ['org/model@main', later],
      ['org/model@aaa111', earlier],
      ['org/model@v1', earlier],
    ] as const) {
      const found = await find(name);
      assert.deepEqual([found.path, found.resolved_name], [path, 'org/model'], name);
    }
    await rm(earlier, { recursive: true });
    await unusable('org/model@v1', /org\/model@v1 is not in the cache .*`mtm model add org\/model --revision v1`/);
    await unusable('org/model@aaa111', /It is there as org\/model@bbb222\. Fetch/);
    await unusable('org/model@../../x', /is no model in the Hugging Face cache/);
  });

  it('has no model that was not downloaded to its end', async () => {
    // Leave thereInstead out of notThere, or ask it with the revision, and who mistyped a name does not see the right one.
    await put('org/Small-135M-Instruct', COMPLETE);
    for (const name of ['small-135m-instruct', 'other/Small-135M-Instruct', 'small-135m', 'small-135m-instruct@v1'])
      await unusable(name, /Did you mean org\/Small-135M-Instruct\?/);
    await unusable('org/none', /It has .*org\/Small-135M-Instruct.*\. Fetch/);
    await unusable('org/none', /is not in the cache .* Fetch it with `mtm model add org\/none`/);
    for (const file of Object.keys(COMPLETE)) {
      const name = `org/without-${file.replaceAll('.', '-')}`;
      await put(name, { ...COMPLETE, [file]: '' });
      await unusable(name, new RegExp(`${file.replace('.', '\\.')}( or tokenizer.model)? is missing`));
    }
    await put('org/torn', { ...COMPLETE, 'model.safetensors.index.json': '{"weight_map": ' });
    await unusable('org/torn', /index.json does not read/);
    await put('org/config', { ...COMPLETE, 'config.json': '{"model_type": ' });
    await unusable('org/config', /config.json does not read. Get it again with `mtm model add org\/config`/);
    await put('org/adapter', { 'adapter_config.json': '{}', ...without('config.json') });
    await unusable('org/adapter', /it is an adapter. Merge it with its base/);
    await put('org/both', { ...COMPLETE, 'adapter_config.json': '{}' });
    await unusable('org/both', /an adapter lies beside it .* Move the files of the adapter away/);
    await put('org/new', { ...COMPLETE, 'config.json': '{"model_type": "super"}' });
    await unusable('org/new', /it is of the type super .* no code for\. Take a model of a type that it has/);
    await put('org/index', { ...SHARDED, 'model-2-of-2.safetensors': safetensors({ other: [1] }) });
    await unusable('org/index', /model-2-of-2.safetensors has no tensor b, which model.safetensors.index.json says/);
  });

  it('has no model whose weights are not what their header says', async () => {
    const entry = '{"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}';
    const lies: Record<string, [weights: Buffer, why: RegExp]> = {
      empty: [Buffer.alloc(3), /model.safetensors is cut short: it has 3 bytes/],
      torn: [
        safetensors({ a: [8] }).subarray(0, -1),
        /model.safetensors has \d+ bytes, and by its header \d+: it is cut short/,
      ],
      longer: [Buffer.concat([safetensors({ a: [8] }), Buffer.alloc(1)]), /it is longer than it should be/],
      huge: [withHeader(`{"a": ${entry}}`, 8, 2 ** 60), /says that its header has 1152921504606846976 bytes/],
      beyond: [
        withHeader(`{"a": ${entry}}`, 8, 99_999_999),
        /says that its header has 99999999 bytes, of a file of \d\d /,
      ],
      words: [withHeader('weights', 8), /has a header that is no JSON/],
      list: [withHeader('[1]', 8), /does not describe tensors/],
      negative: [safetensors({ a: [2] }, { a: { shape: [-2] } }), /does not describe tensors \(a.shape.0\)/],
      type: [safetensors({ a: [2] }, { a: { dtype: 'F33' } }), /tensor a of the unknown type F33/],
      shape: [safetensors({ a: [2] }, { a: { shape: [3] } }), /tensor a \(F32, 3\) lies in bytes 0 to 8, which is no/],
      overlap: [safetensors({ a: [2], b: [2] }, { b: { data_offsets: [4, 12] } }), /tensor b .* lies in bytes 4 to 12/],
      hole: [safetensors({ a: [2], b: [2] }, { a: { data_offsets: [0, 4], shape: [1] } }), /tensor b .* bytes 8 to 16/],
      nothing: [withHeader('{}', 0), /model.safetensors has no tensors/],
      pointer: [
        Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n'),
        /is a pointer of Git LFS/,
      ],
    };
    for (const [name, [weights, why]] of Object.entries(lies)) {
      await put(`org/${name}`, { ...COMPLETE, 'model.safetensors': weights });
      await unusable(`org/${name}`, why);
      await unusable(`org/${name}`, /Get it again with `mtm model add/);
    }
    assert.deepEqual(await list(), []);
  });

  it('has no model whose loading runs code', async () => {
    await put('org/pickled', { ...without('model.safetensors'), 'pytorch_model.bin': 'pickle' });
    await unusable('org/pickled', /pickle files, which can run code/);
    const auto_map = { AutoModelForCausalLM: 'modeling_own.Own' };
    await put('org/own', { ...COMPLETE, 'config.json': JSON.stringify({ model_type: 'own', auto_map }) });
    await unusable(
      'org/own',
      /needs code of its own .*modeling_own.Own\), which is never run here. Take a model of a type/,
    );
    await put('org/nameless', { ...COMPLETE, 'config.json': JSON.stringify({ auto_map }) });
    await unusable('org/nameless', /needs code of its own/);
    // Many repositories still have the code with which their type began.
    await put('org/phi', { ...COMPLETE, 'config.json': JSON.stringify({ model_type: 'phi3', auto_map }) });
    assert.deepEqual(await list(), ['org/phi']);
  });

  it('is never left by a name', async () => {
    await put('org/model', COMPLETE);
    for (const name of [
      '../org/model',
      'org/../model',
      '/etc/passwd',
      'org--model',
      'a/b/c',
      '',
      'org/',
      'org/mo\0del',
      'org/model@',
      'org/model@a@b',
    ]) {
      await unusable(name, /is no model in the Hugging Face cache/);
    }
    await writeFile(join(cache, 'models--org--model', 'refs', 'main'), '../../../elsewhere');
    await unusable('org/model', /is not in the cache/);
    const index = JSON.stringify({ weight_map: { a: '../../../../etc/passwd' } });
    await put('org/outside', { ...COMPLETE, 'model.safetensors.index.json': index });
    await unusable('org/outside', /index.json does not read/);
  });

  it('may be missing altogether, and have other things in it', async () => {
    assert.deepEqual(await list(join(cache, 'none')), []);
    await writeFile(join(cache, 'models--org--file'), '');
    await symlink('/nowhere', join(cache, 'models--org--link'));
    assert.deepEqual(await list(), []);
    assert.equal((await readdir(cache)).length, 2, 'nothing was written');
  });
});
