import { OUTPUT } from '../base-models/model-shape.ts';
import { adaptedMatrices } from './parameters.ts';
import { type AdapterForm, hasAdapters, type Training } from './training.ts';

/**
 * Whether what a training begins from is written out as a whole model: all but adapters of the same form as its own, which it goes on with, and a model in the layout
 * of the base, whose files get second names. (_goes_on in trainer/outputs/start.py is the rule.)
 */
export function isWrittenOut(training: Pick<Training, 'shape' | 'type' | 'settings' | 'start'>): boolean {
  const { start } = training;
  if (start === undefined || start.kind === 'model') return false;
  if ((start.new_tokens ?? []).join('\n') !== (training.settings.new_tokens ?? []).join('\n')) return true;
  return !(start.adapter && hasAdapters(training) && isOfForm(training, start.adapter));
}

function isOfForm({ shape, settings }: Pick<Training, 'shape' | 'settings'>, adapter: AdapterForm): boolean {
  const layers = (chosen: string[] | null | undefined) =>
    adaptedMatrices(shape, chosen)
      .map(({ name }) => name)
      .join();
  return (
    adapter.r === settings.lora_r &&
    adapter.lora_alpha === settings.lora_alpha &&
    adapter.use_rslora === (settings.use_rslora === true) &&
    adapter.use_dora === (settings.use_dora === true) &&
    layers(adapter.target_modules) === layers(settings.lora_target_modules) &&
    isTheSame(adapter.modules_to_save, settings.modules_to_save ?? [], shape)
  );
}

/** Names in an adapter are whole, those that are asked for ends of them. Where embeddings are the output as well, the adapter names the former for both. */
function isTheSame(whole: string[], asked: string[], { isTied }: Training['shape']): boolean {
  const named = isTied ? asked.map((name) => (OUTPUT.test(`${name}.weight`) ? 'embed_tokens' : name)) : asked;
  const meets = (name: string, end: string) => `.${name}`.endsWith(`.${end}`) || `.${end}`.endsWith(`.${name}`);
  return (
    whole.every((name) => named.some((end) => meets(name, end))) &&
    named.every((end) => whole.some((name) => meets(name, end)))
  );
}
