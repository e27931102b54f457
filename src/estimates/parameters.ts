import { EMBEDDING, type Matrix, type ModelShape, OUTPUT } from '../base-models/model-shape.ts';
import { hasAdapters, type Training } from './training.ts';

/** The matrices that get adapters: those that were chosen, or all linear layers. (targets_of in trainer/base_models/adapters.py is the rule.) */
export function adaptedMatrices(
  { matrices }: Pick<ModelShape, 'matrices'>,
  chosen: string[] | null | undefined,
): Matrix[] {
  if (!chosen) return matrices;
  return matrices.filter(({ name }) =>
    chosen.some((ending) => `.${name.replace(/\.weight$/, '')}`.endsWith(`.${ending}`)),
  );
}

/** Numbers in adapters of rank r: r × (inputs + outputs) for each matrix (https://arxiv.org/abs/2106.09685, 4.1). */
export function adapterParameters(matrices: Matrix[], rank: number): number {
  return matrices.reduce((total, { inputs, outputs, experts }) => total + experts * rank * (inputs + outputs), 0);
}

/** Numbers of what is trained whole beside adapters: of embeddings and the output's layer. Norms have next to none. */
export function wholeParameters({ shape, settings }: Pick<Training, 'shape' | 'settings'>): number {
  const chosen = (settings.modules_to_save ?? []).map((name) => `${name}.weight`);
  const matrices = [EMBEDDING, OUTPUT].filter((pattern) => chosen.some((name) => pattern.test(name))).length;
  return (shape.isTied ? Math.min(1, matrices) : matrices) * shape.vocabulary * shape.hidden;
}

/** Of embeddings and output, how many matrices have rows of new tokens trained beside adapters. (rows_beside in trainer/base_models/token_rows.py.) */
export function matricesWithRows({ shape, settings }: Pick<Training, 'shape' | 'settings'>): number {
  if (!settings.new_tokens?.length) return 0;
  const all = shape.isTied ? 1 : 2;
  return all - wholeParameters({ shape, settings }) / (shape.vocabulary * shape.hidden || 1);
}

/** Numbers of the rows of new tokens, where each matrix has some: at the most, as if none of its own were free. */
function tokenParameters({ shape, settings }: Pick<Training, 'shape' | 'settings'>, matrices: number): number {
  return (settings.new_tokens?.length ?? 0) * matrices * shape.hidden;
}

/** How many numbers are trained. */
export function trainableParameters(training: Pick<Training, 'shape' | 'type' | 'settings'>): number {
  const { shape, settings } = training;
  if (!hasAdapters(training)) return shape.languageParameters + tokenParameters(training, shape.isTied ? 1 : 2);
  const adapted = adaptedMatrices(shape, settings.lora_target_modules);
  // DoRA learns the length of each row as well (https://arxiv.org/abs/2402.09353, 4.1).
  const lengths = settings.use_dora ? adapted.reduce((total, { outputs }) => total + outputs, 0) : 0;
  return (
    adapterParameters(adapted, settings.lora_r) +
    lengths +
    wholeParameters(training) +
    tokenParameters(training, matricesWithRows(training))
  );
}
