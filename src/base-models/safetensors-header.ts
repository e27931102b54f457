import { stat } from 'node:fs/promises';
import { z } from 'zod';
import { readBytes } from '../platform/files.ts';

/** A safetensors file whose header cannot be true. The message says why, without the file's name. */
export class DamagedWeightsError extends Error {}

export interface TensorEntry {
  dtype: string;
  shape: number[];
  /** First byte of the tensor in the file. */
  start: number;
}

/** What its format allows: https://github.com/huggingface/safetensors#format */
const LARGEST_HEADER_BYTES = 100_000_000;
const LENGTH_BYTES = 8;

/** Bits of one number of each type that the pinned safetensors reads. */
const BITS: Record<string, number> = {
  ...{ F4: 4, F6_E2M3: 6, F6_E3M2: 6, F8_E5M2: 8, F8_E4M3: 8, F8_E8M0: 8, F8_E4M3FNUZ: 8, F8_E5M2FNUZ: 8 },
  ...{ BOOL: 8, U8: 8, I8: 8, U16: 16, I16: 16, U32: 32, I32: 32, U64: 64, I64: 64 },
  ...{ F16: 16, BF16: 16, F32: 32, F64: 64, C64: 64 },
};

const size = z.int().min(0);
const HeaderSchema = z.record(
  z.string(),
  z.object({ dtype: z.string(), shape: z.array(size), data_offsets: z.tuple([size, size]) }),
);

/**
 * The tensors of a safetensors file, by name and in the order of the file. Reads the header alone, which is believed only
 * where it accounts for every byte of the file: the loader maps what it says.
 * @throws DamagedWeightsError
 */
export async function readSafetensorsHeader(path: string): Promise<Map<string, TensorEntry>> {
  const { size: fileBytes } = await stat(path);
  if (fileBytes < LENGTH_BYTES) throw new DamagedWeightsError(`is cut short: it has ${fileBytes} bytes`);
  const beginning = await readBytes(path, LENGTH_BYTES);
  if (beginning.toString('latin1') === 'version ')
    throw new DamagedWeightsError('is a pointer of Git LFS, in place of the weights');
  const told = beginning.readBigUInt64LE();
  const headerBytes = Number(told);
  if (headerBytes > LARGEST_HEADER_BYTES || LENGTH_BYTES + headerBytes > fileBytes)
    throw new DamagedWeightsError(
      `says that its header has ${told} bytes, of a file of ${fileBytes} (at most ${LARGEST_HEADER_BYTES} are allowed)`,
    );
  const header = parseHeader(await readBytes(path, headerBytes, LENGTH_BYTES));
  return placed(header, LENGTH_BYTES + headerBytes, fileBytes);
}

function parseHeader(bytes: Buffer): z.output<typeof HeaderSchema> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new DamagedWeightsError('has a header that is no JSON');
  }
  const { __metadata__, ...tensors } = Object(header) as Record<string, unknown>;
  const parsed = HeaderSchema.safeParse(tensors);
  if (parsed.success) return parsed.data;
  throw new DamagedWeightsError(
    `has a header that does not describe tensors (${parsed.error.issues[0]?.path.join('.')})`,
  );
}

/** Tensors lie one behind the other, from the header to the end of the file, each as long as its type and shape say. */
function placed(header: z.output<typeof HeaderSchema>, dataStart: number, fileBytes: number): Map<string, TensorEntry> {
  const inOrder = Object.entries(header).sort(
    ([, { data_offsets: a }], [, { data_offsets: b }]) => a[0] - b[0] || a[1] - b[1],
  );
  const tensors = new Map<string, TensorEntry>();
  let end = 0;
  for (const [name, { dtype, shape, data_offsets }] of inOrder) {
    const [from, to] = data_offsets;
    if (BITS[dtype] === undefined) throw new DamagedWeightsError(`has a tensor ${name} of the unknown type ${dtype}`);
    if (from !== end || to - from !== bytesOf({ dtype, shape }))
      throw new DamagedWeightsError(
        `says that its tensor ${name} (${dtype}, ${shape.join(' × ')}) lies in bytes ${from} to ${to}, which is no place for it`,
      );
    tensors.set(name, { dtype, shape, start: dataStart + from });
    end = to;
  }
  if (dataStart + end !== fileBytes)
    throw new DamagedWeightsError(
      `has ${fileBytes} bytes, and by its header ${dataStart + end}: it is ${dataStart + end > fileBytes ? 'cut short' : 'longer than it should be'}`,
    );
  return tensors;
}

/** What a tensor of a known type takes. */
export function bytesOf({ dtype, shape }: Pick<TensorEntry, 'dtype' | 'shape'>): number {
  return (parametersOf(shape) * (BITS[dtype] ?? 0)) / 8;
}

/** The numbers in a tensor of this shape. */
export function parametersOf(shape: number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}
