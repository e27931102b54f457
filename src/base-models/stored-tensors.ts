import { z } from 'zod';
import { parametersOf, type TensorEntry } from './safetensors-header.ts';

/** The tensors of a model as its files have them, and their bytes where those say something. */
export interface StoredTensors {
  entries: Map<string, TensorEntry>;
  read(name: string): Promise<Buffer>;
}

/** A weight that is stored in fewer bits than 16: its name and shape in 16, and the tensors that it is stored as. */
interface Weight {
  name: string;
  shape: number[];
  parts: string[];
}

/** What a tensor is of, by its name: null where it begins no weight. The methods are those of trainer/base_models/dequantising.py. */
type Method = (name: string, entry: TensorEntry, files: StoredTensors, config: unknown) => Promise<Weight | null>;

/** Why the shapes of a model cannot be known; a sentence. */
export class UnknownShape extends Error {}

/**
 * The tensors that the trainer writes out in 16 bits before it trains, by the names and shapes that they have there. None is read but
 * the few that say what the shape of another one is.
 * @param config its quantization_config
 * @throws UnknownShape
 */
export async function tensorsIn16Bits(
  files: StoredTensors,
  method: string,
  config: unknown,
): Promise<Map<string, TensorEntry>> {
  const weightOf = METHODS[method];
  if (!weightOf)
    throw new UnknownShape(`The weights of the base model are stored by ${method}, which is not known here.`);
  const found = await Promise.all([...files.entries].map(([name, entry]) => weightOf(name, entry, files, config)));
  const weights = found.filter((weight) => weight !== null);
  const parts = new Set(weights.flatMap((weight) => weight.parts));
  const others = [...files.entries].filter(([name]) => !parts.has(name));
  return new Map([...others, ...weights.map(({ name, shape }) => [name, { dtype: 'BF16', shape, start: 0 }] as const)]);
}

const METHODS: Record<string, Method> = {
  awq: async (name, { shape: [inputs = 0, packed = 0] }) => {
    const module = ownerOf(name, '.qweight');
    if (module === null) return null;
    const parts = named(module, ['qweight', 'qzeros', 'scales']);
    return { name: `${module}.weight`, shape: [packed * 8, inputs], parts };
  },
  bitsandbytes: async (name, _, files) => {
    const [, inFour] = /^(.+)\.quant_state\.bitsandbytes__\w+$/.exec(name) ?? [];
    if (inFour !== undefined) {
      // A matrix of GPT-2 is turned there, which has the same sizes.
      const shape = shapeIn(await files.read(name), name);
      const parts = named(inFour, ['absmax', 'quant_map', 'nested_absmax', 'nested_quant_map']);
      return { name: inFour, shape, parts: [inFour, name, ...parts] };
    }
    const module = ownerOf(name, '.SCB');
    const inEight = files.entries.get(`${module}.weight`);
    if (module === null || !inEight) return null;
    return {
      name: `${module}.weight`,
      shape: inEight.shape,
      parts: [name, ...named(module, ['weight', 'weight_format'])],
    };
  },
  'compressed-tensors': async (name, { dtype, shape }, files, config) => {
    const packed = ownerOf(name, '.weight_packed');
    const module = packed ?? (FLOATS.includes(dtype) ? null : ownerOf(name, '.weight'));
    if (module === null) return null;
    const parts = named(module, COMPRESSED);
    if (files.entries.has(`${module}.weight_shape`))
      return { name: `${module}.weight`, shape: await integersIn(files, `${module}.weight_shape`), parts };
    const wider = packed === null ? 1 : 8 / bitsIn(config);
    return { name: `${module}.weight`, shape: [...shape.slice(0, -1), (shape.at(-1) ?? 0) * wider], parts };
  },
  fp8: async (name, _, files) => {
    const owner = ownerOf(name, '_scale_inv');
    const weight = owner === null ? undefined : files.entries.get(owner);
    if (owner === null || !weight) return null;
    const scales = named(owner.replace(/\.[^.]*$/, ''), ['activation_scale', 'input_scale']);
    return { name: owner, shape: weight.shape, parts: [owner, name, ...scales] };
  },
  mxfp4: async (name, { shape: [experts = 0, rows = 0, groups = 0, size = 0] }) => {
    const owner = ownerOf(name, '_blocks');
    if (owner === null) return null;
    return { name: owner, shape: [experts, groups * size * 2, rows], parts: [name, `${owner}_scales`] };
  },
};

const FLOATS = ['F64', 'F32', 'F16', 'BF16'];
const COMPRESSED = [
  ...['weight_packed', 'weight', 'weight_scale', 'weight_zero_point', 'weight_shape', 'weight_global_scale'],
  ...['input_scale', 'input_zero_point', 'input_global_scale'],
];
const StateSchema = z.object({ shape: z.array(z.int().positive()) });
const GroupsSchema = z.object({
  config_groups: z.record(z.string(), z.object({ weights: z.object({ num_bits: z.int().positive() }) })),
});

/** Of a state that bitsandbytes writes beside a weight, as JSON. */
function shapeIn(state: Buffer, name: string): number[] {
  try {
    return StateSchema.parse(JSON.parse(state.toString('utf8'))).shape;
  } catch (cause) {
    throw new UnknownShape(`The base model's ${name} does not say what shape its weight has.`, { cause });
  }
}

function ownerOf(name: string, ending: string): string | null {
  return name.endsWith(ending) ? name.slice(0, -ending.length) : null;
}

function named(module: string, lasts: string[]): string[] {
  return lasts.map((last) => `${module}.${last}`);
}

async function integersIn(files: StoredTensors, name: string): Promise<number[]> {
  const entry = files.entries.get(name);
  const bytes = await files.read(name);
  return Array.from({ length: parametersOf(entry?.shape ?? []) }, (_, at) =>
    entry?.dtype === 'I64' ? Number(bytes.readBigInt64LE(8 * at)) : bytes.readInt32LE(4 * at),
  );
}

/** Of the weights, where all have as many. */
function bitsIn(config: unknown): number {
  const parsed = GroupsSchema.safeParse(config);
  const bits = new Set(Object.values(parsed.data?.config_groups ?? {}).map(({ weights }) => weights.num_bits));
  const [one] = bits;
  if (one !== undefined && bits.size === 1) return one;
  throw new UnknownShape('The config.json of the base model does not say in how many bits its weights are packed.');
}
