/** A training of the bench: fields of a job, and which model. */
export interface Combination {
  name: string;
  model: 'tiny' | 'smol' | 'larger';
  training_type: 'qlora' | 'lora' | 'standard';
  batch_size: number;
  max_length: number;
  steps: number;
  activation_checkpointing?: boolean;
  weights?: 'bf16';
}

/** Each run is to take far longer than its processes need to start. */
const STEPS: Record<Combination['model'], number> = { tiny: 300, smol: 12, larger: 6 };

type Rest = Pick<Combination, 'activation_checkpointing' | 'weights'>;

function of(
  model: Combination['model'],
  training_type: Combination['training_type'],
  batch_size: number,
  max_length: number,
  rest: Rest = {},
): Combination {
  return {
    name: `${model} ${training_type} ${batch_size}x${max_length}`,
    model,
    training_type,
    batch_size,
    max_length,
    steps: STEPS[model],
    ...rest,
  };
}

/** Three sizes, the three types, lengths of 64 to 512 and batches of 1 to 8. */
export const COMBINATIONS: Combination[] = [
  of('tiny', 'qlora', 2, 64),
  of('tiny', 'lora', 4, 128),
  of('tiny', 'lora', 8, 512),
  of('tiny', 'standard', 1, 256),
  of('tiny', 'standard', 8, 512),
  of('smol', 'lora', 4, 64),
  of('smol', 'lora', 2, 256),
  of('smol', 'lora', 1, 512, { activation_checkpointing: true }),
  of('smol', 'qlora', 1, 128),
  of('smol', 'qlora', 4, 128),
  of('smol', 'standard', 1, 64),
  of('smol', 'standard', 2, 256),
  of('smol', 'standard', 8, 64, { weights: 'bf16' }),
  of('larger', 'lora', 2, 128),
  of('larger', 'qlora', 2, 64),
  of('larger', 'standard', 1, 128, { weights: 'bf16' }),
];
