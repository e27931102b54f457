import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findIndexModel } from '../../src/base-models/embedding-model.ts';
import { findModel } from '../../src/base-models/find-model.ts';
import { COMPLETE, putInCache } from '../support/base-models.ts';

const MINILM = 'sentence-transformers/all-MiniLM-L6-v2';
const WRITES = (architecture: string) => ({
  ...COMPLETE,
  'config.json': JSON.stringify({ model_type: 'llama', architectures: [architecture] }),
});
const POOLS = { '1_Pooling/config.json': '{"pooling_mode_mean_tokens": true}' };

describe('the model that makes the index of a rag run', () => {
  let modelCache: string;

  beforeEach(async () => {
    modelCache = await mkdtemp(join(tmpdir(), 'mtm-embedding-'));
    await putInCache(modelCache, 'org/writer', WRITES('LlamaForCausalLM'));
  });
  afterEach(() => rm(modelCache, { recursive: true }));

  const find = async (base_model: string, embedding_model: string | null = null, training_type = 'rag') => {
    const places = { modelCache, modelRoots: [], ollamaStore: modelCache };
    return await findIndexModel(
      places,
      { training_type, base_model, embedding_model },
      await findModel(places, base_model),
    );
  };

  it('is the well-known one that is installed, or else one that was made for embeddings', async () => {
    assert.match((await find('org/writer'))?.errors.join(' ') ?? '', /none is installed.*model install minilm/);
    // No pooling, and no known name: it may be of another use.
    await putInCache(modelCache, 'a/bert', COMPLETE);
    assert.equal((await find('org/writer'))?.available, false);
    await putInCache(modelCache, 'z/embedder', { ...COMPLETE, ...POOLS });
    assert.equal((await find('org/writer'))?.resolved_name, 'z/embedder');
    await putInCache(modelCache, MINILM, COMPLETE);
    assert.equal((await find('org/writer'))?.resolved_name, MINILM);
    assert.equal((await find('org/writer', 'z/embedder'))?.resolved_name, 'z/embedder');
  });

  it('is the base model itself where that makes embeddings, whatever its architecture is called', async () => {
    await putInCache(modelCache, 'org/embedder', { ...WRITES('Qwen3ForCausalLM'), ...POOLS });
    assert.equal(await find('org/embedder'), null);
    assert.match((await find('org/embedder', MINILM))?.errors.join(' ') ?? '', /Leave embedding_model out/);
    for (const architecture of ['GPT2LMHeadModel', 'Gemma3ForConditionalGeneration']) {
      await putInCache(modelCache, `org/${architecture}`, WRITES(architecture));
      assert.equal((await find(`org/${architecture}`))?.resolved_name, 'org/embedder');
    }
  });

  it('is none where nothing is indexed, and never one that writes text', async () => {
    assert.equal(await find('org/writer', null, 'qlora'), null);
    assert.match((await find('org/writer', 'org/writer'))?.errors.join(' ') ?? '', /makes no embeddings/);
  });
});
