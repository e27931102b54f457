import { createHash } from 'node:crypto';
import { open, readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { sha256OfFile } from '../platform/files.ts';
import { hasContent } from './model-files.ts';
import type { TensorEntry } from './safetensors-header.ts';
import { readWeightHeaders } from './weight-files.ts';

/** What is read of a model beside its weights. */
const OTHERS = /^[^.].*\.(json|jinja|model|txt)$/;
/** Of each tensor: training changes nearly every number of those that it changes at all. */
const SAMPLE_BYTES = 256;

/**
 * What a usable model's directory has in place of a snapshot's hash: 40 hexadecimal digits that are others when its files
 * are. Gigabytes are not read for it: of the weights it takes the headers and the first bytes of each tensor.
 */
export async function revisionOf(directory: string): Promise<string> {
  const hash = createHash('sha256');
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.map(({ parentPath, name }) => relative(directory, join(parentPath, name)));
  for (const file of files.filter((name) => OTHERS.test(name)).sort()) {
    const path = join(directory, file);
    if (await hasContent(path)) hash.update(`${file}\0${await sha256OfFile(path)}`);
  }
  for (const [file, tensors] of await readWeightHeaders(directory)) {
    hash.update(`${file}\0${JSON.stringify([...tensors])}`);
    for await (const sample of samplesOf(join(directory, file), tensors)) hash.update(sample);
  }
  return hash.digest('hex').slice(0, 40);
}

async function* samplesOf(path: string, tensors: Map<string, TensorEntry>): AsyncGenerator<Buffer> {
  const file = await open(path);
  try {
    for (const { start } of tensors.values()) {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(SAMPLE_BYTES), 0, SAMPLE_BYTES, start);
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}
