import assert from 'node:assert/strict';
import { join } from 'node:path';
import OpenAI from 'openai';
import { loadEnv } from '../../src/platform/env.ts';
import { type ApiOnly, startTestApi } from '../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../support/database.ts';
import { TINY_MODEL } from '../support/service.ts';
import { putTinyModel } from '../support/tiny-models.ts';
import { ensurePythonClient, PYTHON_CLIENTS, runPython } from './clients/python.ts';

describe("models for OpenAI's clients", function () {
  this.timeout(120_000);
  let database: TestDatabase;
  let api: ApiOnly;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database, { modelCache: join(database.home, 'models') });
    await putTinyModel({ ...api.env, python: loadEnv().python }, 'tiny-random');
  });

  after(async () => {
    await api?.close();
    await database?.remove();
  });

  // Without takesRestOfPath in src/api/openai/models/routes.ts client 1, which writes the slash as it is, gets 404.
  for (const major of PYTHON_CLIENTS) {
    it(`are found by a name with a slash, by the client ${major} for Python`, async () => {
      const seen = await runPython(await ensurePythonClient(major), ['models.py'], { url: api.url, key: 'any' });
      assert.deepEqual(seen, { names: [TINY_MODEL], found: [TINY_MODEL] });
    });
  }

  it('are found by a name with a slash, by the client for Node', async () => {
    const client = new OpenAI({ baseURL: `${api.url}/v1`, apiKey: 'any', maxRetries: 0 });
    assert.equal((await client.models.retrieve(TINY_MODEL)).id, TINY_MODEL);
    await assert.rejects(client.models.retrieve(`${TINY_MODEL}/x`), OpenAI.NotFoundError);
  });
});
