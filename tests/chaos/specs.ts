import { csvRows } from '../support/rows.ts';
import { TINY_MODEL } from '../support/service.ts';

/** What a run trains. Small, so that many fit into an hour; each is long enough to be hit in the middle. */
export interface Spec {
  owner: 'job' | 'project';
  settings: Record<string, unknown>;
}

/** Rows of the datasets that the specs take, by their place. */
export const DATASETS = [csvRows(160), csvRows(60, 'code'), csvRows(40, 'tool')];

/**
 * Between them: LoRA, 4-bit LoRA and all weights, dropout, gradient accumulation, checkpoints in the middle of epochs, an
 * interval that the service chooses, a job and a project.
 */
export const SPECS: Record<string, Spec> = {
  'qlora, dropout': {
    owner: 'job',
    settings: { training_type: 'qlora', batch_size: 2, epochs: 6, save_steps: 18, lora_r: 4, lora_dropout: 0.1 },
  },
  'standard, accumulation': {
    owner: 'job',
    settings: { training_type: 'standard', batch_size: 2, gradient_accumulation: 3, epochs: 12, save_steps: 14 },
  },
  'qlora, accumulation, dropout': {
    owner: 'job',
    settings: {
      training_type: 'qlora',
      batch_size: 4,
      gradient_accumulation: 2,
      epochs: 15,
      save_steps: 8,
      lora_r: 8,
      lora_dropout: 0.05,
    },
  },
  'project, standard': {
    owner: 'project',
    settings: { training_type: 'standard', batch_size: 4, epochs: 12 },
  },
};

/** The request that creates a job or project of this spec. */
export function requestFor(spec: Spec, name: string, datasetIds: number[]): { path: string; body: unknown } {
  const [first, second, third] = datasetIds;
  const common = { name, max_length: 64, learning_rate: 0.001, ...spec.settings };
  if (spec.owner === 'job') {
    return { path: '/jobs/', body: { ...common, dataset_id: first, model_name: TINY_MODEL } };
  }
  const traits = [
    { trait_type: 'reasoning', datasets: [{ dataset_id: first, percentage: 100 }] },
    { trait_type: 'coding', datasets: [{ dataset_id: second, percentage: 100 }] },
    { trait_type: 'general_tools', datasets: [{ dataset_id: third, percentage: 100 }] },
  ];
  const project = { base_model: TINY_MODEL, output_directory: 'together', max_rows: 120, traits };
  return { path: '/projects/', body: { ...common, ...project } };
}
