import { readFile } from 'node:fs/promises';
import { parseDocument } from 'yaml';
import type { z } from 'zod';
import { CommandFailure } from './exit-codes.ts';

/**
 * What a file of YAML (or JSON, which is YAML) holds, as far as `schema` looks at it: the API checks the rest, and names what is wrong.
 * @param help the end of a sentence: what says which form the file has
 * @throws CommandFailure with the line where it is no YAML
 */
export async function readYamlFile<T>(path: string, schema: z.ZodType<T>, help: string): Promise<T> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new CommandFailure(`${path} cannot be read: ${String(cause)}`);
  });
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error) throw new CommandFailure(`${path} is no YAML: ${error.message}`);
  const { success, data, error: wrong } = schema.safeParse(document.toJS());
  if (success) return data;
  const [issue] = wrong.issues;
  throw new CommandFailure(`${path}: ${issue?.path.join('.')}: ${issue?.message}. ${help}`);
}
