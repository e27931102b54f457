import type { Estimate, MixturePlan, Plan } from '../api/types.ts';
import { bytes, bytesWithParts, duration, shownParts } from '../terminal/numbers.ts';
import { facts } from '../terminal/table.ts';
import { type ChangeText, certaintyText, memoryText, queueText, remedyTexts } from './estimate-text.ts';

type Fact = [string, string | null];

/**
 * A plan on one screen: whether the training fits and what would, what it takes, how sure that is, and what it learns from. --json has
 * all else of it.
 */
export function planText(plan: Plan, changeText: ChangeText): string {
  const { estimate, no_estimate } = plan;
  const ofEstimate = estimate === null ? [] : estimateFacts(estimate);
  const problems = [...(estimate?.problems ?? []), ...plan.warnings];
  const verdict = estimate === null ? [`No estimate: ${no_estimate}`] : verdictLines(estimate, changeText);
  const shown: Fact[] = [...ofEstimate, ...rowFacts(plan), ['Problems', problems.join('\n          ') || 'none']];
  return [...verdict, '', facts(shown)].join('\n');
}

function verdictLines(estimate: Estimate, changeText: ChangeText): string[] {
  if (estimate.fits) return [`It fits: ${memoryText(estimate)}.`];
  const remedies = remedyTexts(estimate, changeText);
  return [
    'It does not fit.',
    ...(remedies.length === 0 ? [] : ['What would fit:', ...remedies.map((remedy) => `  ${remedy}`)]),
    'To try it all the same, start it with --force.',
  ];
}

function estimateFacts(estimate: Estimate): Fact[] {
  const { memory, time, disk } = estimate;
  const parts = shownParts(time.parts, 0.5, duration);
  // What is needed is without what is done without where memory is short.
  const { checkpoint_copy: _copy, dequantised_weights: _weights, ...needed } = memory.parts;
  return [
    ['Memory', bytesWithParts(memory.needed_bytes, needed)],
    ['Time', `about ${duration(time.seconds)}${parts === '' ? '' : `: ${parts}`}`],
    ['Disk', `${bytesWithParts(disk.bytes, disk.parts)}; ${bytes(disk.free_bytes)} are free`],
    ['Queue', queueText(estimate)],
    ['How sure', certaintyText(estimate)],
  ];
}

function rowFacts({ train_rows, held_out_rows, steps, tokens, similar_rows, traits, batch, estimate }: Plan): Fact[] {
  const rowsPerStep = batch.batch_size * batch.gradient_accumulation;
  const total = estimate?.tokens ?? null;
  const inAll = total === null ? '' : `, ${number(total)} in all`;
  return [
    ['Rows', `${number(train_rows)} to train on, ${number(held_out_rows)} held out`],
    ...(traits.length > 1 ? traits.map(traitFact) : []),
    ['Steps', `${number(steps.total)}, of ${rows(rowsPerStep)} each; ${number(steps.per_epoch)} in an epoch`],
    ['Batch', batch.reason],
    ['Tokens', tokens && `${number(tokens.per_epoch)} in an epoch${inAll}${unlearnt(tokens)}`],
    ['Similar', similar_rows && similarText(similar_rows)],
  ];
}

function traitFact({ trait_type, allocated, held_out, datasets }: MixturePlan['traits'][number]): Fact {
  const shares = datasets.map((share) => `dataset ${share.dataset_id} ${share.effective_percentage} %`);
  return [`  ${trait_type}`, `${number(allocated)} rows, ${number(held_out)} held out: ${shares.join(', ')}`];
}

/** Rows that are not learnt as they are. */
function unlearnt(tokens: NonNullable<MixturePlan['tokens']>): string {
  const { truncated_rows, dropped_rows, skipped_rows, refused_rows, max_length } = tokens;
  const counts = [
    [truncated_rows, `cut off after ${number(max_length)} tokens`],
    [dropped_rows, 'left out as too long'],
    [skipped_rows, `without an answer in ${number(max_length)} tokens`],
    [refused_rows, 'that the chat template cannot show'],
  ] as const;
  return counts.map(([count, what]) => (count === 0 ? '' : `; ${rows(count)} ${what}`)).join('');
}

/** Null where there are none. */
function similarText({ left_out, chosen }: NonNullable<MixturePlan['similar_rows']>): string | null {
  const sum = (counts: number[]) => counts.reduce((total, count) => total + count, 0);
  const counts = [
    [sum(left_out.map((each) => each.rows)), 'left out'],
    [sum(chosen?.between.map(({ same, similar }) => same + similar) ?? []), 'in more than one dataset'],
    [chosen?.held_out.replaced ?? 0, 'replaced among those held out'],
    [chosen?.held_out.similar ?? 0, 'of those held out like one that is trained on'],
  ] as const;
  const found = counts.flatMap(([count, what]) => (count === 0 ? [] : [`${rows(count)} ${what}`]));
  return found.join(', ') || null;
}

function rows(count: number): string {
  return count === 1 ? '1 row' : `${number(count)} rows`;
}

function number(count: number): string {
  return count.toLocaleString('en');
}
