import { z } from 'zod';
import type { Client } from '../api/client.ts';
import { ownerOf, runOf } from '../api/runs.ts';
import type { Job, Project } from '../api/types.ts';
import type { RunName } from './run-name.ts';

/** Settings as text, by their names in the API; what is left to the service is not there. */
export type Settings = Record<string, string>;

const ShareSchema = z.looseObject({ dataset_id: z.number(), percentage_thousandths: z.number() });
/** What of a run's spec decides its result and is a setting. The API documents it as any object. */
const SpecSchema = z.object({
  ...{ base_model: z.string(), training_type: z.string() },
  ...{ embedding_model: z.unknown().optional(), max_rows: z.unknown(), mixing: z.unknown().optional() },
  hyperparameters: z.record(z.string(), z.unknown()),
  traits: z.array(z.looseObject({ trait: z.string(), datasets: z.array(ShareSchema) })),
});

/** What a run was started with, defaults too. Of a job or project that has not run, what is asked for. */
export async function settingsOf(client: Client, name: RunName): Promise<Settings> {
  const owner = await ownerOf(client, name);
  const run = name.run ?? owner.run_number;
  if (run === null) return { base_model: modelOf(owner), training_type: owner.training_type, ...chosenSettings(owner) };
  const { traits, hyperparameters, ...others } = SpecSchema.parse((await runOf(client, name, run)).spec);
  const shares = traits.flatMap(({ trait, datasets }) =>
    datasets.map((share) => `${share.dataset_id} (${trait}, ${share.percentage_thousandths / 1_000} %)`),
  );
  return asText({ ...others, datasets: shares.join(', '), ...hyperparameters });
}

export function modelOf(owner: Job | Project): string {
  return 'model_name' in owner ? owner.model_name : owner.base_model;
}

/** Fields of a job beside those that its request named; of these, adapters alone have the last three. */
const TOP_LEVEL = ['batch_size', 'learning_rate', 'epochs', 'lora_r', 'lora_alpha', 'lora_dropout'] as const;

/** Whether a training of this type, with these settings of its own, trains adapters. */
export function hasAdapters(type: unknown, { finetuning_type }: { finetuning_type?: unknown }): boolean {
  return type === 'dpo' ? finetuning_type !== 'full' : type === 'lora' || type === 'qlora';
}

/** What a job or project is asked for, with those defaults that it shows. */
export function chosenSettings(owner: Job | Project): Settings {
  const isOfAdapters = hasAdapters(owner.training_type, owner.hyperparameters);
  const shown = TOP_LEVEL.filter((field) => isOfAdapters || !field.startsWith('lora_'));
  const ofJob = 'batch_size' in owner ? Object.fromEntries(shown.map((field) => [field, owner[field]])) : {};
  return asText({ ...ofJob, ...owner.hyperparameters });
}

function asText(settings: Record<string, unknown>): Settings {
  return Object.fromEntries(
    Object.entries(settings).flatMap(([key, value]) =>
      value === null || value === undefined ? [] : [[key, typeof value === 'string' ? value : JSON.stringify(value)]],
    ),
  );
}
