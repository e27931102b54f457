import assert from 'node:assert/strict';
import { blocksOf, inlineOf } from '../../web/src/parts/markdown/blocks.ts';
import { type Scored, scoreOf, worstFirst } from '../../web/src/screens/run/report/figures.ts';
import { beginningOf, differenceFrom } from '../../web/src/screens/run/report/word-difference.ts';

function scored(changes: Partial<Scored> = {}): Scored {
  const figures = { exact_match: 0.5 };
  return { rows: 8, asked: 6, base: figures, tuned: figures, by_format: null, ...changes };
}

describe('the parts of a report', () => {
  it('show what got worse before what got better', () => {
    // Sort the other way round in worstFirst.
    const verdicts = ['same', 'better', 'worse', 'better'] as const;
    const traits = verdicts.map((verdict, place) => ({ verdict, place }));
    assert.deepEqual(
      worstFirst(traits).map(({ place }) => place),
      [2, 1, 3, 0],
    );
  });

  it('count answers by their format, else to the letter, and not at all where nothing was asked', () => {
    // Leave out the part of by_format in scoreOf.
    const byFormat = { scorer: 'number', rows: 5, base: 0.2, tuned: 0.6 };
    assert.deepEqual(scoreOf(scored({ by_format: byFormat })), {
      by: 'by the last number',
      rows: 5,
      base: 20,
      tuned: 60,
    });
    assert.equal(scoreOf(scored())?.rows, 6);
    const silent = { exact_match: null };
    assert.equal(scoreOf(scored({ base: silent, tuned: silent })), null);
  });

  it('mark the words that another text does not have, in any script, and keep every character', () => {
    // Leave out adding `spaces` in piecesOf, and a text loses its spaces.
    const cases: [other: string, text: string, marked: string[], missing: number][] = [
      ['The answer is 42.', 'The  answer\nis 41, so', ['41, so'], 2],
      ['one two three', 'one three', [], 1],
      ['', 'all new', ['all new'], 0],
      ['same', 'same', [], 0],
      ['今天天气好', '今天天氣好', ['氣'], 1],
      ['התשובה היא 42', 'התשובה אינה 42', ['אינה'], 1],
      ['x 🙂', 'x 🙃 y', ['🙃 y'], 1],
      ['a b c d e', 'c d x e a', ['x', 'a'], 2],
    ];
    for (const [other, text, marked, missing] of cases) {
      const found = differenceFrom(other, text);
      assert.ok(found);
      assert.equal(found.pieces.map((piece) => piece.text).join(''), text);
      const differing = found.pieces.filter(({ differs }) => differs).map((piece) => piece.text);
      assert.deepEqual(differing, marked, text);
      assert.equal(found.missing, missing, text);
    }
  });

  it('mark no words of texts of which all would have to be held against all', () => {
    // Leave MOST_CELLS out in commonOf.
    const long = (from: number) => Array.from({ length: 5_000 }, (_, i) => `w${from + i}`).join(' ');
    assert.equal(differenceFrom(long(0), long(10_000)), null);
    // What both begin and end with costs nothing.
    assert.deepEqual(differenceFrom(`${long(0)} a ${long(1)}`, `${long(0)} b ${long(1)}`)?.differing, 1);
  });

  it('cut pieces where the text is cut', () => {
    // Have beginningOf count nothing down.
    const pieces = [
      { text: 'one ', differs: false },
      { text: 'two', differs: true },
      { text: ' three', differs: false },
    ];
    assert.deepEqual(beginningOf(pieces, 6), [
      { text: 'one ', differs: false },
      { text: 'tw', differs: true },
    ]);
  });

  it('read a model card as blocks, and HTML in it as text', () => {
    // Split rows at every bar in cellsOf.
    const card = [
      '---',
      'base_model: x',
      '---',
      '',
      '# A *title*',
      '',
      '<script>document.title = 1</script>',
      'and more',
      '',
      '| name | rows |',
      '| --- | --- |',
      '| GSM \\| 8K \\<b\\> | 9 |',
      '',
      '- one',
      '- two',
      '````python',
      '```',
      'print(1)',
      '````',
      'the end',
    ].join('\n');
    assert.deepEqual(blocksOf(card), [
      { kind: 'code', text: 'base_model: x' },
      { kind: 'heading', level: 1, text: 'A *title*' },
      { kind: 'paragraph', text: '<script>document.title = 1</script> and more' },
      { kind: 'table', head: ['name', 'rows'], rows: [['GSM \\| 8K \\<b\\>', '9']] },
      { kind: 'list', items: ['one', 'two'] },
      { kind: 'code', text: '```\nprint(1)' },
      { kind: 'paragraph', text: 'the end' },
    ]);
    assert.deepEqual(inlineOf('GSM \\| 8K \\<b\\> in `a\\b`'), [
      { isCode: false, text: 'GSM | 8K <b> in ' },
      { isCode: true, text: 'a\\b' },
    ]);
    // A fence without an end, and a row without bars.
    assert.deepEqual(blocksOf('```\nx'), [{ kind: 'code', text: 'x' }]);
  });
});
