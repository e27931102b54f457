import assert from 'node:assert/strict';
import { changesInWords, entityOf, storable } from '../../../src/api/http/audit-words.ts';

describe('what the audit list says of a request', () => {
  const words = (body: unknown) => changesInWords('/jobs/{id}', { id: 12 }, {}, body);

  it('is each field with its value, of a path all parameters but the one of the thing itself', () => {
    assert.equal(words({ name: 'a', epochs: 3, description: null }), 'name: "a"; epochs: 3; description: null');
    const route = '/jobs/{id}/exports/{export_id}';
    assert.equal(changesInWords(route, { id: 12, export_id: 3 }, { run: 2 }, undefined), 'export_id: 3; run: 2');
    assert.deepEqual(entityOf(route, { id: 12, export_id: 3 }), { kind: 'job', id: '12' });
    assert.deepEqual(entityOf('/models/', {}, '/model-downloads/{id}'), { kind: 'download', id: null });
    assert.deepEqual(entityOf('/models/{name}', { name: 'org/model' }), { kind: 'model', id: 'org/model' });
  });

  it('has no secret and no content, however deep they lie', () => {
    // Give JSON.stringify no `keep`, and what lies deeper is shown.
    const sent = {
      hub: { token: 'hf_secret', repository: 'a/b' },
      headers: [{ Authorization: 'Bearer secret' }],
      messages: [{ role: 'user', content: 'a secret of somebody' }],
      max_tokens: 5,
      description: 'with mtm_4fGh72Qs_0123456789secret0123456789',
    };
    const said = words(sent);
    assert.ok(!said.includes('secret'), said);
    assert.match(said, /"repository":"a\/b".*max_tokens: 5.*mtm_4fGh72Qs_…/);
  });

  it('is as long as a row takes, whatever is sent, and of characters that PostgreSQL takes', () => {
    // Take the bounds out, and PostgreSQL refuses the row, and with it the request.
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`field_${n}`, '\u{1f600}'.repeat(1_000)]));
    assert.ok([...words(many)].length <= 2_000);
    assert.equal(storable('a\0b\ud800c', 10), 'a\u{fffd}b\u{fffd}c');
    assert.equal([...storable('\u{1f600}'.repeat(20), 10)].length, 10);
    const deep = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`) as unknown;
    assert.equal(words({ deep }), 'deep: (nested too deeply to show)');
  });
});
