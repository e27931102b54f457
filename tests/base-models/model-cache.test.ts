import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findModel, listModels } from '../../src/base-models/model-cache.ts';

const COMPLETE = { 'config.json': '{}', 'tokenizer.json': '{}', 'model.safetensors': 'weights' };

describe('the model cache', () => {
  let cache: string;

  beforeEach(async () => {
    cache = await mkdtemp(join(tmpdir(), 'mtm-test-'));
  });

  afterEach(() => rm(cache, { recursive: true, force: true }));

  /** As `hf download` lays a model out: links in the snapshot to blobs. */
  async function put(name: string, files: Record<string, string>, revision = 'abc123'): Promise<string> {
    const folder = join(cache, `models--${name.replace('/', '--')}`);
    const snapshot = join(folder, 'snapshots', revision);
    for (const [file, content] of Object.entries(files)) {
      const blob = join(folder, 'blobs', file.replaceAll('/', '_'));
      await mkdir(dirname(blob), { recursive: true });
      await mkdir(dirname(join(snapshot, file)), { recursive: true });
      await writeFile(blob, content);
      await symlink(blob, join(snapshot, file));
    }
    await mkdir(join(folder, 'refs'), { recursive: true });
    await writeFile(join(folder, 'refs', 'main'), revision);
    return snapshot;
  }

  async function unusable(name: string, why: RegExp): Promise<void> {
    const { available, path, errors } = await findModel(cache, name);
    assert.deepEqual([available, path], [false, null]);
    assert.match(errors.join(' '), why);
  }

  it('has a model that is complete, also in shards', async () => {
    const path = await put('org/model', COMPLETE);
    assert.deepEqual(await findModel(cache, 'org/model'), {
      available: true,
      model_name: 'org/model',
      path,
      errors: [],
    });
    const { 'model.safetensors': _, ...others } = COMPLETE;
    const index = JSON.stringify({ weight_map: { a: 'model-1-of-2.safetensors', b: 'model-2-of-2.safetensors' } });
    const shards = { 'model-1-of-2.safetensors': 'w', 'model-2-of-2.safetensors': 'w' };
    await put('org/sharded', { ...others, ...shards, 'model.safetensors.index.json': index });
    await put('gpt2', COMPLETE);
    assert.deepEqual(await listModels(cache), ['gpt2', 'org/model', 'org/sharded']);

    await rm(join(cache, 'models--org--sharded', 'blobs', 'model-2-of-2.safetensors'));
    await unusable('org/sharded', /model-2-of-2.safetensors is missing. Get it again with `hf download org\/sharded`/);
    assert.deepEqual(await listModels(cache), ['gpt2', 'org/model']);
  });

  it('has no model that was not downloaded to its end', async () => {
    await unusable('org/none', /is not in the cache .* Put it there with `hf download org\/none`/);
    for (const file of Object.keys(COMPLETE)) {
      const name = `org/without-${file.replaceAll('.', '-')}`;
      await put(name, { ...COMPLETE, [file]: '' });
      await unusable(name, new RegExp(`${file.replace('.', '\\.')}( or tokenizer.model)? is missing`));
    }
    await put('org/torn', { ...COMPLETE, 'model.safetensors.index.json': '{"weight_map": ' });
    await unusable('org/torn', /index.json does not read/);
  });

  it('has no model whose loading runs code', async () => {
    const { 'model.safetensors': _, ...others } = COMPLETE;
    await put('org/pickled', { ...others, 'pytorch_model.bin': 'pickle' });
    await unusable('org/pickled', /pickle files, which can run code/);
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
    ]) {
      await unusable(name, /is no model in the Hugging Face cache/);
    }
    await writeFile(join(cache, 'models--org--model', 'refs', 'main'), '../../../elsewhere');
    await unusable('org/model', /is not in the cache/);
    const index = JSON.stringify({ weight_map: { a: '../../../../etc/passwd' } });
    await put('org/outside', { ...COMPLETE, 'model.safetensors.index.json': index });
    await unusable('org/outside', /index.json does not read/);
  });

  it('may be missing altogether', async () => {
    assert.deepEqual(await listModels(join(cache, 'none')), []);
  });
});
