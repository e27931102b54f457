import assert from 'node:assert/strict';
import { axisOf, lastKnown, placed } from '../../web/src/parts/chart/joined.ts';
import { chosenIn, problemOf, writtenAs } from '../../web/src/parts/runs/chosen.ts';
import { aboutAxis, type Basis, fairAxis, unfairness } from '../../web/src/screens/compare/fair.ts';
import { type Figures, placesOf, stepsWithin, withPart } from '../../web/src/screens/compare/figures.ts';
import {
  brokenOf,
  type DrawnRun,
  heldOutLines,
  linesOf,
  lossLines,
  marksOf,
  traitsOf,
} from '../../web/src/screens/compare/lines.ts';
import { looksOf } from '../../web/src/screens/compare/looks.ts';
import { resultRows } from '../../web/src/screens/compare/result-rows.ts';
import { asText, found, inPercent, settingRows } from '../../web/src/screens/compare/setting-rows.ts';

/** A run of as many steps, of 10 tokens and a second each. */
function figuresOf(loss: (number | null)[], first = 1): Figures {
  const step = loss.map((_, index) => first + index);
  const same = loss.map(() => 0.1);
  return {
    step,
    tokens: step.map((each) => 10 * each),
    active_s: step,
    loss,
    loss_min: loss,
    loss_max: loss,
    without_loss: loss.map((value) => (value === null ? 1 : 0)),
    learning_rate: same,
    grad_norm: same,
    grad_norm_max: same,
    reward_margin: same,
    reward_accuracy: same,
    tokens_per_s: same,
    memory_bytes: same,
  };
}

function drawn(label: string, figures: Figures, evals: DrawnRun['evals'] = []): DrawnRun {
  return { label, color: '--line-run-1', dash: [], totalSteps: null, figures, evals, interruptions: [] };
}

describe('runs in an address', () => {
  it('are read one by one: a sentence for what names none and for what is named twice, and the rest is there', () => {
    const { runs, problems } = chosenIn('job-3,project-4,,job-3.2,worker-1,job-3, job-0');
    assert.deepEqual(runs.map(writtenAs), ['job-3', 'project-4', 'job-3.2']);
    assert.equal(problems.length, 3);
    assert.match(problems[0] ?? '', /“worker-1” names no run/);
    assert.match(problems[1] ?? '', /job-3 is named more than once/);
  });

  it('are two to eight: a sentence says which are left out', () => {
    const many = (count: number) =>
      chosenIn(Array.from({ length: count }, (_, nth) => `job-${nth + 1}`).join(',')).runs;
    assert.match(problemOf(many(1)) ?? '', /at least two/);
    assert.equal(problemOf(many(2)), null);
    assert.equal(problemOf(many(8)), null);
    assert.match(problemOf(many(10)) ?? '', /Left out: job-9, job-10\./);
  });
});

describe('how a run looks', () => {
  it('goes by the run, and not by its place', () => {
    // Number the looks by place in looksOf, and it fails.
    for (const id of [4, 9, 15]) assert.deepEqual(looksOf([15, 4, 9]).get(id), looksOf([id]).get(id));
    assert.deepEqual([...looksOf([4, 9])].sort(), [...looksOf([9, 4])].sort());
  });

  it('is no other one’s, for as many as can be compared', () => {
    for (const ids of [
      [1, 9, 17, 25, 33, 41, 49, 57],
      [3, 4, 11, 12, 19, 20, 27, 28],
    ]) {
      const looks = [...looksOf(ids).values()];
      assert.equal(new Set(looks.map(({ color }) => color)).size, 8);
      assert.equal(
        new Set(looks.map(({ dash }) => dash.join())).size,
        8,
        'whoever sees no colours tells them apart too',
      );
    }
    assert.deepEqual(looksOf([1, 9]).get(1), looksOf([1]).get(1), 'the older run keeps its own');
  });
});

describe('series on one axis', () => {
  it('have a place for each of their own, keep gaps, and have nothing where only others were measured', () => {
    // Fill with null in placed, and every point of another run breaks the line.
    const axis = axisOf([10, 20, 30], [15, 20, 45]);
    assert.deepEqual(axis, [10, 15, 20, 30, 45]);
    const values = placed(axis, [10, 20, 30], [1, null, 3]);
    assert.deepEqual(values, [1, undefined, null, 3, undefined]);
    assert.deepEqual(
      axis.map((_, index) => lastKnown(values, index)),
      [1, 1, null, 3, null],
      'read as the one before between two of its own, and as nothing in a gap and behind its end',
    );
  });

  it('lie by steps, by tokens or by time, and what has no place is left out', () => {
    const figures = { ...figuresOf([3, 2, 1]), tokens: [null, 20, 30] };
    assert.deepEqual(placesOf(figures, 'step').x, [1, 2, 3]);
    assert.deepEqual(placesOf(figures, 'tokens').x, [20, 30]);
    assert.deepEqual(placesOf(figures, 'tokens').values('loss'), [2, 1]);
  });

  it('are drawn over each other', () => {
    const runs = [drawn('a', figuresOf([3, null, 1])), drawn('b', { ...figuresOf([9, 8]), tokens: [15, 30] })];
    const { x, lines } = linesOf(runs, 'tokens', 'loss');
    assert.deepEqual(x, [10, 15, 20, 30]);
    assert.deepEqual(
      lines.map(({ values }) => values),
      [
        [3, undefined, null, 1],
        [undefined, 9, undefined, 8],
      ],
    );
    assert.deepEqual(brokenOf(runs, 'tokens'), [20]);
  });

  it('are smoothed in front of what was measured, where there is enough of it', () => {
    const jagged = Array.from({ length: 40 }, (_, nth) => nth % 2);
    const { lines } = lossLines([drawn('a', figuresOf(jagged)), drawn('b', figuresOf([1, 2]))], 'step', 5);
    assert.deepEqual(
      lines.map(({ label, faint }) => [label, faint ?? false]),
      [
        ['a, as it was', true],
        ['a', false],
        ['b', false],
      ],
    );
    const last = lines[1]?.values.at(-1);
    assert.ok(typeof last === 'number' && last > 0.4 && last < 0.6, `${last} is near the middle`);
  });

  it('of held-out losses are those of each trait, where there are several', () => {
    const at = (step: number, trait: string | null, loss: number) => ({
      step,
      tokens: step * 10,
      active_s: step,
      trait,
      loss,
    });
    const one = drawn('a', figuresOf([1, 1]), [at(0, null, 3), at(0, 'all', 3), at(2, null, 2), at(2, 'all', 2)]);
    assert.deepEqual(traitsOf([one]), []);
    const two = drawn('b', figuresOf([1, 1]), [at(2, null, 5), at(2, 'coding', 4), at(2, 'reasoning', 6)]);
    assert.deepEqual(traitsOf([one, two]), ['all', 'coding', 'reasoning']);
    assert.deepEqual(
      heldOutLines([one, two], 'step', null).lines.map(({ values }) => values),
      [
        [3, 2],
        [undefined, 5],
      ],
    );
    assert.deepEqual(heldOutLines([one, two], 'tokens', 'coding').x, [0, 20], 'as far as all charts go');
  });

  it('are marked where one was interrupted: between two steps, or at the last one before', () => {
    const stopped = { step: 3, why: 'A worker was killed.', wentOnWith: 'worker-2' };
    const runs = [{ ...drawn('a run', figuresOf([4, 3, 2, 1])), interruptions: [stopped] }];
    assert.deepEqual(marksOf(runs, 'step'), [
      { x: 2.5, color: '--line-run-1', label: 'a run, step 3: A worker was killed. Went on with worker-2.' },
    ]);
    assert.deepEqual(
      [marksOf(runs, 'tokens'), marksOf(runs, 'time')].map((marks) => marks.map(({ x }) => x)),
      [[20], [2]],
    );
    const uncounted = runs.map((run) => ({ ...run, figures: { ...run.figures, tokens: [null, null, null, 40] } }));
    assert.deepEqual(marksOf(uncounted, 'tokens'), []);
  });

  it('have a part in more detail, and all else as it was', () => {
    const full = { ...figuresOf([1, 1, 1, 1]), step: [8, 16, 24, 32], tokens: [80, 160, 240, 320] };
    assert.deepEqual(stepsWithin(full, 'tokens', [100, 250]), [9, 32]);
    assert.equal(stepsWithin(full, 'tokens', [900, 950]), null);
    const { step, loss } = withPart(full, figuresOf([5, 6, 7, 8, 9, 10, 11, 12], 9));
    assert.deepEqual(step, [8, 9, 10, 11, 12, 13, 14, 15, 16, 24, 32]);
    assert.deepEqual(loss, [1, 5, 6, 7, 8, 9, 10, 11, 12, 1, 1]);
  });
});

describe('a fair comparison', () => {
  const basis: Basis = {
    name: 'a',
    baseModel: 'org/small',
    revision: 'abc',
    rowsPerStep: 8,
    trainRows: 'x',
    heldOutRows: 'y',
    isPrepared: true,
  };

  it('goes by tokens where a step is not as many rows, and says why', () => {
    // Let fairAxis say 'step' always, and it fails.
    const runs = [basis, { ...basis, name: 'b', rowsPerStep: 16 }];
    assert.equal(fairAxis([basis, { ...basis, name: 'b' }]), 'step');
    assert.equal(fairAxis(runs), 'tokens');
    assert.match(aboutAxis('tokens', runs), /since a step is not as many rows .*a: 8 rows; b: 16 rows/);
    assert.match(aboutAxis('step', runs), /cannot be compared fairly/);
  });

  it('is of the same base model, revision and rows: a sentence for each that is not', () => {
    assert.deepEqual(unfairness([basis, { ...basis, name: 'b' }]), []);
    const of = (changes: Partial<Basis>) => unfairness([basis, { ...basis, name: 'b', ...changes }]);
    assert.match(of({ baseModel: 'org/large' }).join(), /different base models \(a: org\/small; b: org\/large\)/);
    assert.match(of({ revision: 'def' }).join(), /different revisions/);
    assert.match(of({ heldOutRows: 'z' }).join(), /do not hold out the same rows \(no two of them do\)/);
    assert.match(of({ trainRows: 'z' }).join(), /do not train on the same rows/);
    assert.match(of({ heldOutRows: null, isPrepared: false }).join(), /no data has been prepared for b/);
    const three = unfairness([basis, { ...basis, name: 'b' }, { ...basis, name: 'c', heldOutRows: 'z' }]);
    assert.match(three.join(), /the same: a, b/);
  });
});

describe('settings run by run', () => {
  const runs = [
    { epochs: 3, base: 'org/small', traits: [{ trait: 'coding', datasets: [{ dataset_id: 4, share: 100 }] }] },
    { epochs: 5, base: 'org/small', traits: [{ trait: 'coding', datasets: [{ dataset_id: 5, share: 100 }] }], seed: 1 },
  ];

  it('begin with the differences, each under one name in all runs', () => {
    // Sort nothing in settingRows, and it fails.
    const rows = settingRows(runs);
    const differing = rows.filter(({ differs }) => differs);
    assert.deepEqual(differing, rows.slice(0, differing.length));
    assert.deepEqual(rows[0], { name: 'epochs', values: ['3', '5'], differs: true });
    assert.deepEqual(rows.find(({ name }) => name === 'seed')?.values, [null, '1']);
    const share = rows.find(({ name }) => name === 'traits: trait coding: datasets: dataset 4: share');
    assert.deepEqual(share?.values, ['100', null], 'a dataset is told by its id, and not by its place');
  });

  it('are no difference where one run has not found out yet what the others have', () => {
    const rows = settingRows([{}, {}], [{ rows: 5 }, {}]);
    assert.deepEqual(rows, [{ name: 'rows', values: ['5', null], differs: false }]);
  });

  it('are found by words of their name, and copied as a spreadsheet takes them', () => {
    const rows = settingRows(runs);
    assert.deepEqual(
      found(rows, 'dataset 5 SHARE').map(({ values }) => values),
      [[null, '100']],
    );
    assert.equal(asText(['a\tb', 'c'], rows.slice(0, 1)), 'setting\ta b\tc\nepochs\t3\t5');
  });

  it('have percentages as people write them', () => {
    assert.deepEqual(inPercent({ weight_thousandths: 25_000, datasets: [{ percentage_thousandths: 33_334 }] }), {
      weight_percent: 25,
      datasets: [{ percent: 33.334 }],
    });
  });
});

describe('results run by run', () => {
  const report = (loss: number, score: number | null) => ({
    traits: [
      {
        trait: 'coding',
        base: { loss: 3, exact_match: null },
        tuned: { loss, exact_match: null },
        by_format: score === null ? null : { scorer: 'number', base: 0.1, tuned: score },
        loss_difference: { mean: loss - 3 },
      },
    ],
  });

  it('name the best of each figure that can be better, and nothing for a run without a report', () => {
    // Take the largest in bestOf always, and it fails.
    const rows = resultRows([report(2, 0.5), report(1.5, null), null]);
    const of = (figure: string) => rows.find((row) => row.figure === figure);
    assert.deepEqual(of('loss of the tuned model')?.values, [2, 1.5, null]);
    assert.equal(of('loss of the tuned model')?.best, 1.5);
    assert.equal(of('loss of the base')?.best, null);
    assert.equal(of('score of the tuned model')?.best, null, 'one alone is not the best');
    const same = resultRows([report(2, 0.5), report(2, 0.5)]);
    assert.ok(
      same.every(({ best }) => best === null),
      'of equals none is the best',
    );
    assert.equal(of('exact answers of the base'), undefined, 'what no run has is no row');
  });

  it('of an index are what it found', () => {
    const rag = (recall: number) => ({
      traits: [],
      retrieval: [{ trait: 'all', recall_at_1: recall, recall_at_5: 1 }],
    });
    assert.equal(resultRows([rag(0.4), rag(0.6)]).find(({ figure }) => figure === 'answer found first')?.best, 0.6);
  });
});
