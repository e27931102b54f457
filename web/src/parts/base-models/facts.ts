import type { BaseModel } from '../../api/base-models.ts';
import { about, bytes, count } from '../numbers.ts';

/** What a base model is, in a line: what its files do not tell is left out. */
export function factsOf({
  parameters,
  size_bytes,
  context_length,
  license,
  chat_template,
  quantization,
}: BaseModel): string {
  return [
    parameters === null ? null : `${about(parameters)} parameters`,
    size_bytes === null ? null : bytes(size_bytes),
    context_length === null ? null : `${count(context_length)} tokens at once`,
    quantization === null ? null : `stored as ${quantization}`,
    license === null ? null : `license ${license}`,
    chat_template === 'default' ? 'no chat template: trained with ChatML' : null,
  ]
    .filter((fact) => fact !== null)
    .join(', ');
}

/** Usable ones first, and of them those that were made for chats; each kind by name, as they came. */
export function usableFirst(models: BaseModel[]): BaseModel[] {
  const rank = ({ available, chat_template }: BaseModel) => (available ? (chat_template === 'own' ? 0 : 1) : 2);
  return [...models].sort((a, b) => rank(a) - rank(b));
}
