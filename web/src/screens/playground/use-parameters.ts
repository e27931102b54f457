import { useQuery } from '@tanstack/react-query';
import { documentQuery, fieldsOf, type RequestField } from '../../api/request-fields.ts';
import type { Sampling } from '../../api/types.ts';
import { useParam } from '../../parts/address.ts';
import { readField } from '../../parts/fields/values.ts';

/** The likeliest answer, as in the report of a run. */
export const STANDARD: Sampling = { temperature: 0, top_p: 1, max_tokens: 256, seed: null };
type Name = keyof Sampling;

interface Field {
  field: RequestField;
  name: Name;
  /** As it stands in the address; '' where it does not. */
  text: string;
}

/** How words are chosen, from the address; or why that cannot be. Ranges are those of the service's own document. */
export function useParameters(): { fields: Field[]; parameters: Sampling; problem: string | null } {
  const { data: document } = useQuery(documentQuery);
  const texts: Record<Name, string> = {
    temperature: useParam('temperature'),
    top_p: useParam('top_p'),
    max_tokens: useParam('max_tokens'),
    seed: useParam('seed'),
  };
  const known = document ? fieldsOf(document, 'VoteCreate', 'parameters') : {};
  const parameters = { ...STANDARD };
  let problem: string | null = null;
  const fields = (Object.keys(STANDARD) as Name[]).flatMap((name) => {
    const field = known[name];
    if (field === undefined) return [];
    const text = texts[name];
    const read = readField(field, text);
    if (read !== null && 'problem' in read) problem ??= read.problem;
    else if (read !== null) parameters[name] = Number(read.value);
    return [{ field, name, text }];
  });
  return { fields, parameters, problem };
}
