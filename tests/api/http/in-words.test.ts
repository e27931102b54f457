import assert from 'node:assert/strict';
import { z } from 'zod';
import { ApiError } from '../../../src/api/http/errors.ts';
import { check } from '../../../src/api/http/request.ts';

const Part = z.union(
  [z.strictObject({ type: z.literal('text') }), z.strictObject({ type: z.literal('refusal') })],
  'must be a part of the type text',
);

/** Answers with every refusal: also of unions, of which zod itself only says that nothing fits. */
describe('a value that is refused', () => {
  const cases: [of: string, schema: z.ZodType, value: unknown, sentence: string][] = [
    ['another kind', z.string(), 7, 'is 7: must be a text.'],
    ['half a number', z.int(), 1.5, 'is 1.5: must be a whole number.'],
    ['too little', z.int().min(1), 0, 'is 0: must be at least 1.'],
    ['nothing above nothing', z.number().gt(0), 0, 'is 0: must be more than 0.'],
    ['too many characters', z.string().max(2), 'abc', 'is "abc": must have at most 2 characters.'],
    ['too few entries', z.array(z.string()).min(1), [], 'is []: must have at least 1 entries.'],
    ['no choice', z.enum(['a', 'b', 'c']), 'd', 'is "d": must be "a", "b" or "c".'],
    ['a word or a number', z.union([z.literal('auto'), z.int()]), 'many', 'is "many": must be "auto" or a number.'],
    ['a number that is too small', z.union([z.literal('auto'), z.int().min(1)]), 0, 'is 0: must be at least 1.'],
    [
      'a part of a list',
      z.union([z.string(), z.array(Part)]),
      [{ type: 'image' }],
      'is [{"type":"image"}]: at 0 it must be a part of the type text.',
    ],
  ];
  for (const [of, schema, value, sentence] of cases)
    it(`says what it must be: ${of}`, () => {
      assert.throws(
        () => check(z.object({ given: schema }), { given: value }, 'body'),
        (error: unknown) => {
          assert.ok(error instanceof ApiError);
          assert.deepEqual([error.message, error.field], [`given ${sentence}`, 'given']);
          return true;
        },
      );
    });

  it('says which variants there are', () => {
    const schema = z.discriminatedUnion('type', [
      z.object({ type: z.literal('a') }),
      z.object({ type: z.literal('b') }),
    ]);
    assert.throws(() => check(schema, { type: 'c' }, 'body'), /^Error: type is "c": must be "a" or "b"\.$/);
  });

  it('is required where it is missing', () => {
    assert.throws(
      () => check(z.object({ given: z.string() }), {}, 'body'),
      /^Error: given is required \(must be a text\)\.$/,
    );
  });
});
