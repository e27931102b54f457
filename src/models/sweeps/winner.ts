import { inWords } from './halving.ts';
import type { SweepKind, TraitWinner, Winner } from './sweep.ts';
import { heldOutLoss, type SweepRun } from './sweep-runs.ts';

type Validated = NonNullable<SweepRun['validated']>;

/** A run whose model was published, with its loss on the held-out rows of some traits. */
interface Measured {
  run: SweepRun;
  loss: number;
  of: Validated;
}

/** The run whose published model has the lowest held-out loss, the first of equal ones; and of each trait as well. Null: none was published. */
export function winnerOf(kind: SweepKind, runs: SweepRun[]): Winner | null {
  const ranked = rank(runs, (validated) => validated);
  const [best] = ranked;
  if (best === undefined) return null;
  const { owner_id, settings } = best.run;
  const traits = best.of.map(({ trait, tuned }) => traitWinner(trait, tuned.loss, runs));
  const winner = { owner_id, settings, held_out_loss: best.loss, not_told_apart: closeTo(ranked), traits };
  return { ...winner, sentence: sentenceOf(kind, winner, ranked, runs.length) };
}

/** Of published models, the best first. @param of which traits of one count */
function rank(runs: SweepRun[], of: (validated: Validated) => Validated): Measured[] {
  return runs
    .flatMap((run) => {
      const validated = of(run.status === 'completed' ? (run.validated ?? []) : []);
      const loss = heldOutLoss({ validated });
      return loss === null ? [] : [{ run, loss, of: validated }];
    })
    .sort((a, b) => a.loss - b.loss || a.run.owner_id - b.run.owner_id);
}

function traitWinner(trait: string, ownLoss: number, runs: SweepRun[]): TraitWinner {
  const ranked = rank(runs, (validated) => validated.filter((each) => each.trait === trait));
  const [best] = ranked;
  if (best === undefined) throw new Error(`No run has a held-out loss of the trait ${trait}, and one had.`);
  const { loss, run } = best;
  return {
    trait,
    held_out_loss: ownLoss,
    best: { owner_id: run.owner_id, held_out_loss: loss },
    not_told_apart: closeTo(ranked),
  };
}

/** Those that the held-out rows do not tell from the first. */
function closeTo([best, ...others]: Measured[]): number[] {
  return others.filter((other) => best && !isToldApart(best.of, other.of)).map(({ run }) => run.owner_id);
}

function sentenceOf(
  kind: SweepKind,
  { owner_id, held_out_loss, not_told_apart: close, traits }: Required<Omit<Winner, 'sentence'>>,
  [, second]: Measured[],
  count: number,
): string {
  const others =
    second === undefined
      ? 'No other run came to its end'
      : `The next is ${kind} ${second.run.owner_id} with ${inWords(second.loss)}`;
  const noise =
    close.length === 0
      ? ''
      : ` The held-out rows do not tell it from ${ownersText(kind, close)}: the intervals of their losses overlap.`;
  const lower = traits
    .filter(({ best }) => best.owner_id !== owner_id)
    .map((trait) => lowerText(kind, owner_id, trait));
  const named = kind === 'job' ? 'Job' : 'Project';
  const first = `${named} ${owner_id} has the lowest held-out loss of ${count} runs: ${inWords(held_out_loss)}. ${others}.`;
  return `${first}${noise}${lower.join('')}`;
}

/** Of a trait on which another run is better than the winner. */
function lowerText(kind: SweepKind, id: number, { trait, held_out_loss, best, not_told_apart }: TraitWinner): string {
  const losses = `${inWords(best.held_out_loss)}, against ${inWords(held_out_loss)}`;
  const noise = not_told_apart.includes(id) ? ', which its held-out rows do not tell apart' : '';
  return ` On ${trait} ${kind} ${best.owner_id} has the lowest: ${losses}${noise}.`;
}

function ownersText(kind: SweepKind, ids: number[]): string {
  return ids.length === 1 ? `${kind} ${ids[0]}` : `${kind}s ${ids.slice(0, -1).join(', ')} and ${ids.at(-1)}`;
}

/**
 * Whether the better of two runs is beyond what the held-out rows can tell: where the intervals of their losses, less that of the one
 * base, do not overlap. That asks for more than a test of the difference would, which needs each row's loss.
 */
function isToldApart(better: Validated, worse: Validated): boolean {
  const [own, other] = [boundsOf(better), boundsOf(worse)];
  return own === null || other === null || own.high < other.low;
}

/** Null in results from before there were intervals. */
function boundsOf(validated: Validated): { low: number; high: number } | null {
  const bounds = validated.flatMap(({ loss_difference }) => loss_difference ?? []);
  if (bounds.length === 0 || bounds.length !== validated.length) return null;
  const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  return { low: mean(bounds.map(({ low }) => low)), high: mean(bounds.map(({ high }) => high)) };
}
