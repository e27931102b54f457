import assert from 'node:assert/strict';
import { mkdir, mkdtemp, realpath, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findModel, listModels } from '../../src/base-models/find-model.ts';
import { exactName, type UsableModel } from '../../src/base-models/found-model.ts';
import { COMPLETE, putDirectory, SHARDED, safetensors, without } from '../support/base-models.ts';

describe('a directory as a base model', () => {
  let home: string;
  let root: string;
  let model: string;

  beforeEach(async () => {
    home = await realpath(await mkdtemp(join(tmpdir(), 'mtm-test-')));
    root = join(home, 'models');
    model = join(root, 'mine');
    await putDirectory(model, COMPLETE);
  });

  afterEach(() => rm(home, { recursive: true, force: true }));

  const places = (modelRoots = [root]) => ({
    modelCache: join(home, 'cache'),
    ollamaStore: join(home, 'ollama'),
    modelRoots,
  });
  const find = (path: string, roots?: string[]) => findModel(places(roots), path);

  async function usable(path: string, roots?: string[]): Promise<UsableModel> {
    const found = await find(path, roots);
    assert.ok(found.available, found.errors.join(' '));
    return found;
  }

  async function unusable(path: string, why: RegExp, roots?: string[]): Promise<void> {
    const { available, errors } = await find(path, roots);
    assert.equal(available, false);
    assert.match(errors.join(' '), why);
  }

  it('is one below a directory that MTM_MODEL_ROOTS names, under its real path', async () => {
    assert.equal((await usable(model)).path, model);
    assert.equal((await usable(`${root}/./x/../mine/`)).resolved_name, model);
    assert.equal((await usable(model, [model])).path, model, 'a root may be a model itself');
    await symlink(root, join(home, 'link'));
    assert.equal((await usable(join(home, 'link', 'mine'), [join(home, 'link')])).path, model);
    await putDirectory(join(root, 'org', 'sharded'), SHARDED);
    await putDirectory(join(root, 'broken'), without('tokenizer.json'));
    assert.deepEqual(await listModels(places()), [model, join(root, 'org', 'sharded')]);
  });

  it('is none elsewhere, whatever leads there', async () => {
    const other = join(home, 'models-other', 'theirs');
    await putDirectory(other, COMPLETE);
    await unusable(model, /only below those that MTM_MODEL_ROOTS names \(none\)/, []);
    await unusable(other, /add its directory to MTM_MODEL_ROOTS/);
    await unusable(`${root}/../models-other/theirs`, /only below those that MTM_MODEL_ROOTS names/);
    await symlink(other, join(root, 'link'));
    await unusable(join(root, 'link'), /models\/link is a link that leads out of the directories/);
    await rm(join(model, 'tokenizer.json'));
    await symlink(join(other, 'tokenizer.json'), join(model, 'tokenizer.json'));
    await unusable(model, /mine\/tokenizer.json is a link that leads out of the directories/);
    await usable(model, [root, join(home, 'models-other')]);
  });

  it('may be stored in fewer bits than 16, in the ways that the trainer reads', async () => {
    const stored = async (config: object) =>
      await putDirectory(model, { ...COMPLETE, 'config.json': JSON.stringify({ model_type: 'llama', ...config }) });
    const ways = [{ quant_method: 'bitsandbytes' }, { load_in_4bit: true }, { quant_method: 'fp8' }, {}, null];
    for (const quantization_config of ways) {
      await stored({ quantization_config });
      await usable(model);
    }
    const gptq = { quant_method: 'gptq', bits: 4 };
    for (const config of [{ quantization_config: gptq }, { text_config: { quantization_config: gptq } }]) {
      await stored(config);
      await unusable(
        model,
        /weights are stored by gptq \(quantization_config in config.json\), which cannot be read here: awq, .*mxfp4 can. Take the same model in 16 bits/,
      );
    }
    await stored({ quantization_config: { bits: 4 } });
    await unusable(model, /stored by a method without a name/);
  });

  it('has to have all files', async () => {
    await unusable(
      join(root, 'none'),
      /is no directory that can be read. Name the one that has the model's config.json/,
    );
    await unusable(join(model, 'config.json'), /is no directory/);
    await unusable(`${root}/mo\0del`, /is no directory/);
    await putDirectory(join(root, 'empty'), { 'README.md': '' });
    await unusable(join(root, 'empty'), /config.json is missing. Copy the model there again, with all of its files/);
    const { 'model-1-of-2.safetensors': _, ...others } = SHARDED;
    await putDirectory(join(root, 'shard'), others);
    await unusable(join(root, 'shard'), /model-1-of-2.safetensors is missing. Copy the model/);
    await mkdir(join(root, 'shard', 'model-1-of-2.safetensors'));
    await unusable(join(root, 'shard'), /model-1-of-2.safetensors is missing/);
  });

  it('is of the same revision for as long as its files are the same, wherever they lie', async () => {
    const { revision } = await usable(model);
    assert.match(revision, /^[0-9a-f]{40}$/);
    await utimes(join(model, 'config.json'), 1, 1);
    await writeFile(join(model, 'README.md'), 'changed');
    await rename(model, join(root, 'moved'));
    const moved = await usable(join(root, 'moved'));
    assert.equal(moved.revision, revision);
    const exact = exactName({ name: moved.path, revision });
    assert.equal((await usable(exact)).path, moved.path);

    const weights = safetensors({ weight: [2, 3] });
    weights[weights.length - 1] = 1;
    await writeFile(join(root, 'moved', 'model.safetensors'), weights);
    await unusable(exact, /are not those of revision \w{40} any more. Put those back, or name the model without a/);
    await writeFile(join(root, 'moved', 'model.safetensors'), safetensors({ weight: [2, 3] }));
    await usable(exact);
    await writeFile(join(root, 'moved', 'config.json'), '{"model_type": "llama", "rope_theta": 1}');
    await unusable(exact, /are not those of revision/);
  });
});
