import assert from 'node:assert/strict';
import { tokensOfStart, uponStart } from '../../../src/models/runs/start.ts';

describe('the new tokens of a run that begins from another one', () => {
  it('are first those of that one, in their order, and then its own, each once', () => {
    // Put its own first in uponStart (src/models/runs/start.ts), or let those that it names take the place of the others.
    const start = tokensOfStart({ hyperparameters: { new_tokens: ['<b>', '<a>'] } });
    const others: { epochs: number; new_tokens?: string[] } = { epochs: 3 };
    assert.deepEqual(uponStart(start, { ...others, new_tokens: ['<c>', '<a>'] }), {
      ...others,
      new_tokens: ['<b>', '<a>', '<c>'],
    });
    assert.deepEqual(uponStart(start, others), { ...others, new_tokens: ['<b>', '<a>'] });
    for (const none of [undefined, tokensOfStart({ hyperparameters: { new_tokens: null } })])
      assert.deepEqual(uponStart(none, { ...others, new_tokens: ['<c>'] }), { ...others, new_tokens: ['<c>'] });
  });
});
