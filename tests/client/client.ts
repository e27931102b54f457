/** What a client in TypeScript writes against the types that are generated from the OpenAPI document. */
import type { components, paths } from './api.js';

type Body<P extends keyof paths> = paths[P] extends {
  post: { requestBody: { content: { 'application/json': infer B } } };
}
  ? B
  : never;

export const job: Body<'/api/v1/jobs/'> = {
  name: 'My Training Job',
  dataset_id: 1,
  training_type: 'qlora',
  learning_rate: 0.0002,
};

// @ts-expect-error an unknown field would train silently with its default
export const typo: Body<'/api/v1/jobs/'> = { name: 'j', dataset_id: 1, epoch: 3 };

// @ts-expect-error dataset_id is required
export const incomplete: Body<'/api/v1/jobs/'> = { name: 'j' };

// @ts-expect-error not a training type
export const wrong: Body<'/api/v1/jobs/'> = { name: 'j', dataset_id: 1, training_type: 'dora' };

export const start: Body<'/api/v1/workers/'> = { action: 'start', worker_count: 2 };

// @ts-expect-error to start, a count is needed
export const countless: Body<'/api/v1/workers/'> = { action: 'start' };

export function summary(found: components['schemas']['Job']): string {
  return `${found.name}: ${found.status} at ${found.progress.toFixed(1)} %, loss ${found.current_loss?.toFixed(3) ?? '-'}`;
}

type Refusal = paths['/api/v1/jobs/{id}']['get']['responses'][404]['content']['application/json'];
export function sentence(refusal: Refusal): string {
  return refusal.detail;
}
