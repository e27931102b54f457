import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { PROJECT_ROOT } from '../platform/env.ts';
import type { Problem } from './model-files.ts';

/** Those whose weights the trainer writes out in 16 bits. Held to it by the trainer's tests. */
const METHODS = readFileSync(join(PROJECT_ROOT, 'trainer', 'base_models', 'quantization_methods.txt'), 'utf8')
  .trim()
  .split(/\s+/);
const NAMELESS = 'a method without a name';

const QuantizationSchema = z
  .looseObject({
    quant_method: z.string().nullish().catch(null),
    load_in_4bit: z.unknown().optional(),
    load_in_8bit: z.unknown().optional(),
  })
  .nullish()
  .catch(null);
const places = { quantization_config: QuantizationSchema, compression_config: QuantizationSchema };
const ConfigSchema = z
  .object({ ...places, text_config: z.object(places).nullish().catch(null) })
  .nullish()
  .catch(null);

/**
 * How a model's weights are stored in fewer bits than 16, as its config.json says and transformers calls it; null where they are
 * not. (quantization_in and method_of in trainer/base_models/quantization.py.)
 */
export function quantizationOf(config: unknown): string | null {
  const given = quantizationIn(config);
  if (!given) return null;
  if (given.load_in_4bit || given.load_in_8bit) return 'bitsandbytes';
  return given.quant_method || NAMELESS;
}

/** What config.json says of it, under whichever name. */
export function quantizationIn(config: unknown): z.output<typeof QuantizationSchema> {
  const parsed = ConfigSchema.parse(config);
  return [parsed, parsed?.text_config]
    .flatMap((part) => [part?.quantization_config, part?.compression_config])
    .find((each) => each && Object.keys(each).length > 0);
}

/** Why weights in so many bits cannot be used; nothing, where they can. */
export function quantizationProblems(config: unknown): Problem[] {
  const method = quantizationOf(config);
  if (method === null || METHODS.includes(method)) return [];
  return [
    {
      what: `its weights are stored by ${method} (quantization_config in config.json), which cannot be read here: ${METHODS.join(', ')} can`,
      remedy: 'Take the same model in 16 bits, often the name without GPTQ, or by one of those.',
    },
  ];
}
