import assert from 'node:assert/strict';
import { askedBy, beginningOf, messagesOf, type Row } from '../../web/src/screens/playground/conversation.ts';

function rowOf(messages: Row['messages']): Row {
  return { messages, tools: null };
}

describe('what a held-out row asks', () => {
  it('is its conversation up to the last answer that is learnt, which is the expected one', () => {
    // Take the last answer of all in askedBy.
    const asked = askedBy(
      rowOf([
        { role: 'system', content: 'You add.' },
        { role: 'user', content: '1 + 1?' },
        { role: 'assistant', content: '2' },
        { role: 'user', content: 'and 1?', name: 'ann' },
        { role: 'assistant', content: '3' },
        { role: 'assistant', content: 'shown, not learnt', weight: 0 },
      ]),
    );
    assert.ok(asked.asks);
    const { system, before, question } = asked.conversation;
    assert.deepEqual([system, question, asked.expected.content], ['You add.', 'and 1?', '3']);
    assert.deepEqual(before, [
      { role: 'user', content: '1 + 1?' },
      { role: 'assistant', content: '2' },
    ]);
    assert.deepEqual(
      messagesOf(asked.conversation).map(({ role }) => role),
      ['system', 'user', 'assistant', 'user'],
    );
  });

  it('has calls and results of tools as OpenAI writes them', () => {
    // Leave `open` out in asSent, and a result names no call.
    const call = { type: 'function', function: { name: 'add', arguments: { a: 1 } } };
    const asked = askedBy(
      rowOf([
        { role: 'user', content: 'add' },
        { role: 'assistant', content: '', tool_calls: [call, { ...call, id: 'own' }] },
        { role: 'tool', content: '2' },
        { role: 'tool', content: '3', tool_call_id: 'own' },
        { role: 'assistant', content: 'two' },
      ]),
    );
    assert.ok(asked.asks);
    const sent = { type: 'function', function: { name: 'add', arguments: '{"a":1}' } };
    assert.deepEqual(messagesOf(asked.conversation), [
      { role: 'user', content: 'add' },
      {
        role: 'assistant',
        content: '',
        tool_calls: [
          { id: 'call_1_0', ...sent },
          { id: 'own', ...sent },
        ],
      },
      { role: 'tool', content: '2', tool_call_id: 'call_1_0' },
      { role: 'tool', content: '3', tool_call_id: 'own' },
    ]);
  });

  it('is nothing where the row is a text', () => {
    // Let askedBy take the first message for an answer.
    assert.deepEqual(askedBy(rowOf([{ role: 'text', content: 'a text' }])), { asks: false });
    assert.deepEqual(askedBy(rowOf([{ role: 'assistant', content: 'an answer to nothing' }])), { asks: false });
  });

  it('is shown by its beginning, on one line, and no character is cut in two', () => {
    // Slice units in beginningOf.
    assert.equal(beginningOf(rowOf([{ role: 'user', content: 'a\n  b' }]), 10), 'a b');
    assert.equal(beginningOf(rowOf([{ role: 'user', content: '😀😀😀' }]), 2), '😀😀…');
  });
});
