import type { TrainingType } from '../models/statuses.ts';
import { badRequest } from './errors.ts';

/** @throws ApiError 400 for a training type that this version does not train. */
export function requireTrainable(type: TrainingType): Exclude<TrainingType, 'rag'> {
  if (type === 'rag')
    throw badRequest('training_type "rag" cannot be trained by this version; use "qlora" or "standard".');
  return type;
}
