import { diskBytesOf } from '../../base-models/disk-use.ts';
import type { FoundModel } from '../../base-models/found-model.ts';
import { readFacts } from '../../base-models/model-facts.ts';

const UNKNOWN = {
  size_bytes: null,
  parameters: null,
  parameters_by_dtype: null,
  architecture: null,
  model_type: null,
  context_length: null,
  license: null,
  chat_template: null,
  quantization: null,
};

/** A base model with what its files tell of it. */
export async function presentBaseModel(found: FoundModel) {
  const { model_name: name, available, directory: path, errors, resolved_name, revision } = found;
  const [facts, disk_bytes] = await Promise.all([readFacts(found), diskBytesOf(found)]);
  return { name, available, path, errors, resolved_name, revision, disk_bytes, ...(facts ?? UNKNOWN) };
}

/** Whether a base model is available, as the reference has it. */
export function presentAvailability({ available, model_name, path, errors, resolved_name, revision }: FoundModel) {
  return { available, model_name, path, errors, resolved_name, revision };
}
