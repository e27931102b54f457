import type { RunSpec } from '../../models/runs/run-spec.ts';
import { type TrainingType, trainedAs } from '../../trainer/training-types.ts';

type Rule = (chosen: RunSpec['hyperparameters'], type: TrainingType) => string | false;

/** Why a type is not sharded. (_NOT_SHARDED in trainer/runs/run_file.py.) */
const NOT_SHARDED: Partial<Record<TrainingType, string>> = {
  qlora: 'whose weights in 4 bits bitsandbytes keeps whole on each GPU',
  dpo: 'whose pairs of answers are not computed with parts of a model yet',
  rag: 'which trains nothing',
};

/** Of settings that do not go together, each pair with its sentence. (hyperparameters.py in trainer/runs/ refuses the same.) */
const RULES: Rule[] = [
  ({ eval_steps, early_stopping_patience }) =>
    eval_steps === 0 &&
    !!early_stopping_patience &&
    'eval_steps is 0, so early_stopping_patience would see no evaluation. Leave one of them out.',
  ({ weights, finetuning_type }, type) =>
    !!weights &&
    trainedAs(type, { finetuning_type }) !== 'standard' &&
    `weights is "${weights}", and says in what all weights are trained. Leave it out, or send {"training_type": "standard"}, or "dpo" with {"finetuning_type": "full"}.`,
  ({ weights, optimizer }) =>
    weights === 'bf16' &&
    (optimizer ?? 'adamw') !== 'adamw' &&
    `optimizer is "${optimizer}", and weights is "bf16", where only "adamw" loses nothing in rounding. Leave one of them out.`,
  ({ warmup_steps, warmup_ratio }) =>
    isChosen(warmup_steps) &&
    isChosen(warmup_ratio) &&
    `warmup_steps is ${warmup_steps} and warmup_ratio is ${warmup_ratio}, which say the same in two ways. Leave one of them out.`,
  ({ lr_scheduler, warmup_steps, warmup_ratio }) =>
    lr_scheduler === 'constant' &&
    !!(warmup_steps || warmup_ratio) &&
    `${warmup_steps ? `warmup_steps is ${warmup_steps}` : `warmup_ratio is ${warmup_ratio}`}, and lr_scheduler is "constant", which has no warm-up. Leave it out, or send {"lr_scheduler": "constant_with_warmup"}.`,
  ({ optimizer, loraplus_lr_ratio }) =>
    optimizer === 'muon' &&
    isChosen(loraplus_lr_ratio) &&
    `loraplus_lr_ratio is ${loraplus_lr_ratio}, and optimizer is "muon", which sets the size of each matrix's step itself. Leave one of them out.`,
  ({ lora_target_modules, modules_to_save }) => {
    const name = lora_target_modules?.find((each) => modules_to_save?.includes(each));
    return (
      name !== undefined &&
      `lora_target_modules names "${name}", and modules_to_save has it trained whole. Leave it out of one of them.`
    );
  },
  ({ packing }, type) =>
    !!packing &&
    !['qlora', 'lora', 'standard'].includes(type) &&
    `packing is true, and training_type is "${type}", whose ${type === 'dpo' ? 'pairs of answers' : 'texts'} are not packed. Leave it out, or send {"training_type": "qlora"}, "lora" or "standard".`,
  ({ packing, neftune_noise_alpha }) =>
    !!packing &&
    isChosen(neftune_noise_alpha) &&
    `neftune_noise_alpha is ${neftune_noise_alpha}, and packing is true: its noise is the less the more tokens are read at once, so that it would be another one. Leave one of them out.`,
  ({ packing, compile }) =>
    !!packing &&
    !!compile &&
    'compile is true, and packing is true, with which each step has sequences of other lengths, and would be compiled anew. Leave one of them out.',
  ({ sharding }, type) =>
    sharding === 'full' &&
    type in NOT_SHARDED &&
    `sharding is "full", and training_type is "${type}", ${NOT_SHARDED[type]}. Leave it out, or send {"training_type": "lora"} or "standard".`,
  ({ sharding, optimizer }) =>
    sharding === 'full' &&
    (optimizer ?? 'adamw') !== 'adamw' &&
    `optimizer is "${optimizer}", and sharding is "full", where only "adamw" makes its steps with a part of each matrix. Leave one of them out.`,
  ({ sharding, weights }) =>
    sharding === 'full' &&
    weights === 'bf16' &&
    'weights is "bf16", and sharding is "full", which divides weights of float32 over the GPUs. Leave one of them out.',
  ({ sharding, use_dora }) =>
    sharding === 'full' &&
    !!use_dora &&
    'use_dora is true, and sharding is "full": DoRA measures the length of whole rows, of which each GPU has a part. Leave one of them out.',
  ({ sharding, packing }) =>
    sharding === 'full' &&
    !!packing &&
    'packing is true, and sharding is "full", with which packed rows are not computed yet. Leave one of them out.',
  ({ sharding, modules_to_save }) =>
    sharding === 'full' &&
    !!modules_to_save?.length &&
    `modules_to_save names ${namesIn(modules_to_save)}, and sharding is "full", which does not divide what is trained whole beside adapters yet. Leave one of them out.`,
  ({ sharding, new_tokens }) =>
    sharding === 'full' &&
    !!new_tokens?.length &&
    `new_tokens names ${namesIn(new_tokens)}, and sharding is "full", with which new tokens are not learnt yet. Leave one of them out.`,
  ({ new_tokens }, type) =>
    type === 'rag' &&
    !!new_tokens?.length &&
    `new_tokens names ${namesIn(new_tokens)}, and training_type is "rag", which trains nothing. Leave it out, or choose another training type.`,
  ({ new_tokens, merge }) =>
    merge === false &&
    !!new_tokens?.length &&
    `new_tokens names ${namesIn(new_tokens)}, and merge is false: the base model, upon which the adapter would be used, has not these tokens. Leave one of them out.`,
  ({ sharding, compile }) =>
    sharding === 'full' &&
    !!compile &&
    'compile is true, and sharding is "full", which gathers the weights of each layer while it computes. Leave one of them out.',
];

/** The first reason why settings do not go together; undefined: they do. */
export function refusedTogether(...chosen: Parameters<Rule>): string | undefined {
  for (const rule of RULES) {
    const sentence = rule(...chosen);
    if (sentence !== false) return sentence;
  }
}

function namesIn(names: string[]): string {
  return names.map((name) => JSON.stringify(name)).join(', ');
}

function isChosen(value: number | null | undefined): value is number {
  return value !== null && value !== undefined;
}
