import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findModel } from '../../src/base-models/find-model.ts';
import { loadEnv } from '../../src/platform/env.ts';
import { importModel } from '../../src/processes/model-command.ts';
import { COMPLETE, putInCache } from '../support/base-models.ts';

const REPOSITORY = 'meta-llama/Llama-3.2-3B-Instruct';

describe("a model by Ollama's name", function () {
  this.timeout(120_000);
  let home: string;

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'mtm-test-'));
  });

  afterEach(() => rm(home, { recursive: true, force: true }));

  const places = () => ({ modelCache: join(home, 'cache'), modelRoots: [], ollamaStore: join(home, 'ollama') });
  const find = (name: string) => findModel(places(), name);

  async function unusable(name: string, why: RegExp): Promise<void> {
    const { available, errors } = await find(name);
    assert.equal(available, false);
    assert.match(errors.join(' '), why);
  }

  /** As `ollama pull` leaves it: a manifest, and layers under their hashes. Gives the digest. */
  async function pull(path: string, weights: string, bytes = weights.length): Promise<string> {
    const digest = createHash('sha256').update(weights).digest('hex');
    const manifest = join(home, 'ollama', 'manifests', path);
    await mkdir(join(manifest, '..'), { recursive: true });
    await mkdir(join(home, 'ollama', 'blobs'), { recursive: true });
    const layers = ['license', 'model'].map((what) => ({
      mediaType: `application/vnd.ollama.image.${what}`,
      digest: `sha256:${what === 'model' ? digest : 'f'.repeat(64)}`,
      size: bytes,
    }));
    await writeFile(manifest, JSON.stringify({ schemaVersion: 2, layers }));
    await writeFile(join(home, 'ollama', 'blobs', `sha256-${digest}`), weights);
    return digest;
  }

  it('is the repository that its weights come from, once that is in the cache', async () => {
    await unusable(
      'llama3.2:3b',
      /llama3.2:3b stands for meta-llama\/Llama-3.2-3B-Instruct. .* `mtm model add meta-llama\/Llama-3.2-3B-Instruct`.* Or get it with `ollama pull llama3.2:3b` and `npm run mtm -- model import llama3.2:3b`/,
    );
    const path = await putInCache(places().modelCache, REPOSITORY, COMPLETE);
    for (const name of ['llama3.2:3b', 'llama3.2:latest']) {
      const found = await find(name);
      assert.deepEqual([found.path, found.model_name, found.resolved_name], [path, name, REPOSITORY]);
    }
  });

  it("is what was made from the file of Ollama's store, of that very file", async () => {
    const digest = await pull('registry.ollama.ai/library/own/1b', 'weights');
    await unusable('own:1b', /in Ollama's store as a GGUF.* `npm run mtm -- model import own:1b`/);
    const path = await putInCache(places().modelCache, 'ollama/own-1b-dequantized', COMPLETE, digest);
    const found = await find('own:1b');
    assert.deepEqual([found.path, found.resolved_name, found.revision], [path, 'ollama/own-1b-dequantized', digest]);
    await pull('registry.ollama.ai/library/own/1b', 'weights of a later version');
    await unusable('own:1b', /in Ollama's store as a GGUF/);
  });

  it('may have its owner and host in front', async () => {
    await pull('registry.ollama.ai/someone/own/1b', 'a');
    await pull('hf.co/someone/own-GGUF/Q4_K_M', 'b');
    for (const name of ['someone/own:1b', 'hf.co/someone/own-GGUF:Q4_K_M']) await unusable(name, /in Ollama's store/);
  });

  it('is not there while it is being pulled, nor where it is not known', async () => {
    await pull('registry.ollama.ai/library/own/1b', 'weights', 99);
    await unusable(
      'own:1b',
      /own:1b is not in Ollama's store .* Name it as ORG\/NAME, or get it with `ollama pull own:1b`/,
    );
  });

  it('leads nowhere else', async () => {
    for (const name of ['../own:1b', 'a:..', 'a:../b', 'a/b/c/d:e', ':', 'a:', ':b', 'a:b:c', 'a b:c'])
      await unusable(name, /is no name of Ollama's: they are written NAME:TAG/);
  });

  it('is not imported from a file that is no model, and nothing is left of the attempt', async () => {
    const env = { ...loadEnv(), ...places() };
    await assert.rejects(importModel(env, 'own:1b'), /own:1b is not in Ollama's store .* `ollama pull own:1b`/);
    await pull('registry.ollama.ai/library/own/1b', 'no GGUF');
    await assert.rejects(importModel(env, 'own:1b'), /own:1b was not put into/);
    assert.deepEqual(await readdir(env.modelCache), []);
  });
});
