import type { BaseModel } from '../api/types.ts';
import { inUnits } from '../terminal/numbers.ts';
import { table } from '../terminal/table.ts';

const HEAD = ['Model', 'Parameters', 'Size', 'Type', 'Context', 'License', 'Chat template'];

/** All models, with what GET /models/ tells of them, and why some cannot be used. */
export function modelTable(models: BaseModel[]): string {
  const rows = models.map(({ name, parameters, size_bytes, model_type, context_length, license, chat_template }) => [
    name,
    inUnits(parameters),
    inUnits(size_bytes, 'MB', 'GB'),
    ...[model_type, context_length, license, chat_template],
  ]);
  return [table(HEAD, rows), ...models.flatMap(({ errors }) => errors)].join('\n');
}
