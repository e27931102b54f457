import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

type Files = Record<string, string | Buffer>;

/** A safetensors file with these tensors of F32, all zero; `changes` replaces what its header says of each. */
export function safetensors(shapes: Record<string, number[]>, changes: Record<string, object> = {}): Buffer {
  let end = 0;
  const header = Object.entries(shapes).map(([name, shape]) => {
    const start = end;
    end += 4 * shape.reduce((product, length) => product * length, 1);
    return [name, { dtype: 'F32', shape, data_offsets: [start, end], ...changes[name] }];
  });
  return withHeader(JSON.stringify(Object.fromEntries([['__metadata__', { format: 'pt' }], ...header])), end);
}

/** A file with this header, and so many bytes of data behind it. */
export function withHeader(header: string, dataBytes: number, headerBytes = Buffer.byteLength(header)): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(headerBytes));
  return Buffer.concat([length, Buffer.from(header), Buffer.alloc(dataBytes)]);
}

/** The files of a model that is complete. */
export const COMPLETE: Files = {
  'config.json': '{"model_type": "llama"}',
  'tokenizer.json': '{}',
  'model.safetensors': safetensors({ weight: [2, 3] }),
};

/** The same in two shards. */
export const SHARDED: Files = {
  'config.json': '{"model_type": "llama"}',
  'tokenizer.json': '{}',
  'model.safetensors.index.json': JSON.stringify({
    weight_map: { a: 'model-1-of-2.safetensors', b: 'model-2-of-2.safetensors' },
  }),
  'model-1-of-2.safetensors': safetensors({ a: [4] }),
  'model-2-of-2.safetensors': safetensors({ b: [2, 2], other: [1] }),
};

/** COMPLETE without one of its files. */
export function without(file: string): Files {
  const { [file]: _, ...others } = COMPLETE;
  return others;
}

/** As `hf download` lays a model out in a cache: links in the snapshot to blobs. Gives the snapshot, which is main from now on. */
export async function putInCache(cache: string, name: string, files: Files, revision = 'abc123'): Promise<string> {
  const folder = join(cache, `models--${name.replace('/', '--')}`);
  const snapshot = join(folder, 'snapshots', revision);
  for (const [file, content] of Object.entries(files)) {
    const blob = join(folder, 'blobs', `${revision}_${file.replaceAll('/', '_')}`);
    await mkdir(dirname(blob), { recursive: true });
    await mkdir(dirname(join(snapshot, file)), { recursive: true });
    await writeFile(blob, content);
    await symlink(blob, join(snapshot, file));
  }
  await mkdir(join(folder, 'refs'), { recursive: true });
  await writeFile(join(folder, 'refs', 'main'), revision);
  return snapshot;
}

export async function putDirectory(directory: string, files: Files): Promise<void> {
  for (const [file, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, file)), { recursive: true });
    await writeFile(join(directory, file), content);
  }
}
