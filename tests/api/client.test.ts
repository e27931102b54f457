import assert from 'node:assert/strict';
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { PROJECT_ROOT } from '../../src/platform/env.ts';
import { type ApiOnly, startTestApi } from '../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../support/database.ts';
import { DocumentedAnswers } from '../support/openapi.ts';

const CLIENT = join(PROJECT_ROOT, 'tests', 'client');
/** Has the generator of types, and the TypeScript that it needs. */
const GENERATOR = join(PROJECT_ROOT, 'web');

interface Field {
  description?: string;
  default?: unknown;
  'x-default'?: unknown;
  properties?: Record<string, Field>;
  anyOf?: Field[];
}

describe('the OpenAPI document', function () {
  this.timeout(120_000);
  let database: TestDatabase;
  let api: ApiOnly;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database);
  });

  after(async () => {
    await api?.close();
    await database?.remove();
  });

  it('gives types against which a TypeScript client checks', async () => {
    const { body } = await api.call('GET', '/openapi.json');
    await writeFile(join(api.env.home, 'openapi.json'), JSON.stringify(body));
    await cp(join(CLIENT, 'client.ts'), join(api.env.home, 'client.ts'));
    const options = { cwd: api.env.home, preferLocal: true, localDir: GENERATOR, reject: false, all: true } as const;
    const generated = await execa('openapi-typescript', ['openapi.json', '--output', 'api.d.ts'], options);
    assert.equal(generated.exitCode, 0, generated.all);
    const flags = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022'];
    const checked = await execa('tsc', [...flags, 'client.ts'], options);
    assert.equal(checked.exitCode, 0, checked.all);
  });

  it('says of every hyperparameter what it does, and what is taken without it', async () => {
    const { body } = await api.call('GET', '/openapi.json');
    const { schemas } = body.components as { schemas: Record<string, { properties: Record<string, Field> }> };
    const fields = schemas.Job?.properties.hyperparameters?.properties ?? {};
    assert.ok(Object.keys(fields).length >= 25);
    for (const [name, field] of Object.entries(fields)) {
      assert.match(field.description ?? '', /^[A-Z].{15}/, name);
      const asked = schemas.JobCreate?.properties[name];
      if (asked?.anyOf) {
        // A word may be asked for in place of a number, and runs have numbers alone.
        const { description: _, ...number } = field;
        assert.deepEqual([name, asked.anyOf[1]], ['batch_size', number]);
      } else assert.deepEqual(asked, field, `${name} is the same in a request`);
      // A field with JSON Schema's own default is one that is always there, to generators of clients.
      assert.equal(field.default, undefined, name);
    }
    assert.equal(fields.max_length?.['x-default'], 1024);
    assert.match(fields.max_length?.description ?? '', / Default: 1024\.$/);
  });

  for (const wire of ['/api/v1', '/v1']) {
    it(`shows a schema and an example of that schema for every answer of ${wire}`, async () => {
      const body = await (await fetch(`${api.url}${wire}/openapi.json`)).json();
      const documented = new DocumentedAnswers(body as never);
      const missing = documented.examples().flatMap(({ of, content }) => {
        if (content.example === undefined) return [`${of}: no example`];
        const errors = documented.errorsOf(content.pointer, content.example);
        return errors === null ? [] : [`${of}: ${errors}`];
      });
      assert.deepEqual(missing, []);
    });
  }
});
