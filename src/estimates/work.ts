import { adaptedMatrices } from './parameters.ts';
import { hasAdapters, longestOf, sequencesOfRow, type Training } from './training.ts';

/** Of the tokens of a row, those of answers, for which logits are made; where nothing else is known. */
const ANSWERED = 0.5;

/**
 * DoRA scales each number that an adapted matrix gives, and learns by how much: in passes over memory, which take as long as so many operations (a guess between what was
 * measured with 256 and 1,024 tokens: 2,000 and 4,500; SmolLM2's widths, two threads). With dropout it multiplies by the weights a second time, there and back.
 */
const DORA_OPERATIONS = 3_000;
const AGAIN_WITH_DROPOUT = 4;

/** Floating point operations of one token of a training, forward alone and with its way back. */
export function operationsOfToken(training: Training): { forward: number; step: number } {
  const { shape, settings, lengths } = training;
  const active = shape.matrices.reduce(
    (total, { inputs, outputs, experts, name }) =>
      total + (experts > 1 || name.includes('.experts.') ? 0 : inputs * outputs),
    0,
  );
  // Of experts, a token meets as many as are as wide together as the shape says: two ways in, one out.
  const isRouted = shape.matrices.some(({ experts, name }) => experts > 1 || name.includes('.experts.'));
  const routed = isRouted ? 3 * shape.layers * shape.hidden * shape.intermediate : 0;
  const logits = ANSWERED * shape.vocabulary * shape.hidden;
  const mean = Math.min(longestOf(training), lengths.tokens / Math.max(1, sequencesOfRow(training) * lengths.examples));
  // Each token is compared with half of the others on average: questions with keys, then with values.
  const attention = 2 * shape.layers * shape.queries * (mean / 2);
  // Two operations for each weight that a token is multiplied with (https://arxiv.org/abs/2001.08361, 2.1).
  const forward = 2 * (active + routed + logits + attention);
  // Back through all weights costs twice as much, and through those that are not trained as much as the way there.
  const back = hasAdapters(training) ? 1 + trainedShare(training) : 2;
  const step = forward * (1 + back + (settings.activation_checkpointing ? 1 : 0));
  return { forward, step: step + (settings.use_dora ? ofDora(training) : 0) };
}

function ofDora({ shape, settings }: Training): number {
  const adapted = adaptedMatrices(shape, settings.lora_target_modules);
  const again = settings.lora_dropout > 0 ? AGAIN_WITH_DROPOUT : 0;
  return adapted.reduce((total, { inputs, outputs }) => total + outputs * (DORA_OPERATIONS + again * inputs), 0);
}

/** What adapters cost on every way, as a part of the layers beside them. */
function trainedShare({ shape, settings }: Training): number {
  const adapted = adaptedMatrices(shape, settings.lora_target_modules);
  const added = adapted.reduce((total, { inputs, outputs }) => total + settings.lora_r * (inputs + outputs), 0);
  const beside = adapted.reduce((total, { inputs, outputs }) => total + inputs * outputs, 0);
  return beside === 0 ? 0 : (3 * added) / beside;
}
