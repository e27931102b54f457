import type { Hyperparameters } from '../../trainer/hyperparameters.ts';
import type { TrainingType } from '../../trainer/training-types.ts';

/** What a training of each type learns with where nobody chose a rate. All weights take smaller steps than adapters beside them; an index (rag) takes none. */
const LEARNING_RATES: Record<TrainingType, number> = {
  lora: 2e-4,
  qlora: 2e-4,
  standard: 2e-5,
  dpo: 5e-5,
  rag: 2e-4,
};

/** The same of dpo where it trains all weights. */
const RATE_OF_FULL_DPO = 5e-6;

export function rateOf(type: TrainingType, { finetuning_type }: Pick<Hyperparameters, 'finetuning_type'>): number {
  return type === 'dpo' && finetuning_type === 'full' ? RATE_OF_FULL_DPO : LEARNING_RATES[type];
}

/** The same for readers of the API: 0.0002 (lora, qlora), … */
export const LEARNING_RATES_IN_WORDS = [
  ...[LEARNING_RATES.qlora, LEARNING_RATES.standard, LEARNING_RATES.dpo].map(
    (rate) => `${rate} (${typesOf(rate).join(', ')})`,
  ),
  `${RATE_OF_FULL_DPO} (dpo with finetuning_type full)`,
].join(', ');

function typesOf(rate: number): string[] {
  return Object.entries(LEARNING_RATES).flatMap(([type, itsRate]) =>
    itsRate === rate && type !== 'rag' ? [type] : [],
  );
}
