import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { PROJECT_ROOT } from '../platform/env.ts';
import { hasContent, type Problem, readJson } from './model-files.ts';
import { quantizationProblems } from './quantization.ts';
import { weightProblems } from './weight-files.ts';

const TOKENIZERS = ['tokenizer.json', 'tokenizer.model'];

/** Those for which the pinned transformers has code, so that a model's own is not needed. Held to it by the trainer's tests. */
const MODEL_TYPES = new Set(
  readFileSync(join(PROJECT_ROOT, 'trainer', 'base_models', 'transformers_model_types.txt'), 'utf8').split(/\s+/),
);

const ConfigSchema = z.looseObject({
  model_type: z.string().optional(),
  /** Which files of the model's own have the code for it. */
  auto_map: z.record(z.string(), z.unknown()).optional(),
});

/** What is missing or wrong in a model's directory; nothing, where it can be loaded without running code of its own. */
export async function problemsOf(directory: string): Promise<Problem[]> {
  const tokenizers = await Promise.all(TOKENIZERS.map((file) => hasContent(join(directory, file))));
  return [
    ...(await configProblems(directory)),
    ...(tokenizers.includes(true) ? [] : [{ what: `${TOKENIZERS.join(' or ')} is missing` }]),
    ...(await weightProblems(directory)),
  ];
}

async function configProblems(directory: string): Promise<Problem[]> {
  const path = join(directory, 'config.json');
  const hasAdapter = await hasContent(join(directory, 'adapter_config.json'));
  if (!(await hasContent(path))) {
    if (!hasAdapter) return [{ what: 'config.json is missing' }];
    return [{ what: 'it is an adapter', remedy: 'Merge it with its base, and name the whole model.' }];
  }
  if (hasAdapter)
    return [
      {
        what: 'an adapter lies beside it (adapter_config.json), which transformers would put upon it while it loads',
        remedy: 'Move the files of the adapter away, or merge it with the model.',
      },
    ];
  const config = ConfigSchema.safeParse(await readJson(path));
  if (!config.success) return [{ what: 'config.json does not read' }];
  const { model_type: type = 'none', auto_map: code } = config.data;
  if (MODEL_TYPES.has(type)) return quantizationProblems(config.data);
  if (code === undefined)
    return [
      {
        what: `it is of the type ${type} (model_type in config.json), which transformers has no code for`,
        remedy: 'Take a model of a type that it has.',
      },
    ];
  return [
    {
      what: `it needs code of its own (auto_map in config.json: ${Object.values(code).join(', ')}), which is never run here`,
      remedy: `Take a model of a type that transformers has code for, which it has not for the type ${type}.`,
    },
  ];
}
