import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Alternative, componentOf, type Property } from '../api/document.ts';
import type { JobCreate } from '../api/types.ts';

/** Fields of a job that commands have options or arguments of their own for. */
const OTHERS = [
  'name',
  'description',
  'dataset_id',
  'validation_dataset_id',
  'model_name',
  'starts_from',
  'after',
] as const;

/** Options that are not called as their fields. `--download` of `mtm train` fetches what was trained, not what it is trained on. */
const NAMES: Partial<Record<string, string>> = { training_type: 'type', download: 'download-model' };

/** Of a job, or of one that is planned alone, which nothing can force. */
export type JobComponent = 'JobCreate' | 'JobPlanRequest';

/** What jobs and projects have in common. */
type Hyperparameters = Omit<JobCreate, (typeof OTHERS)[number]>;

/**
 * An option for each other field of a job, such as `--batch-size`, with its values, its range and what it is for: from the OpenAPI
 * document, so that a new field of the API is a new option here.
 */
export function addHyperparameters(command: Command, of: JobComponent): Command {
  for (const [field, property] of hyperparameters(of))
    for (const option of optionsOf(field, property)) command.addOption(option.helpGroup('Training:'));
  return command;
}

/** Fields and their values as options, such as `--batch-size 16 --activation-checkpointing`. */
export function asOptions(fields: Record<string, string | number | boolean>): string {
  return Object.entries(fields)
    .map(([field, value]) => `--${optionNameOf(field)}${value === true ? '' : ` ${value}`}`)
    .join(' ');
}

/** The fields of a job that options name, by their names in the API. */
export function hyperparametersIn(options: Record<string, unknown>): Hyperparameters {
  const fields = hyperparameters('JobCreate').map(([field]) => field);
  return Object.fromEntries(
    fields.flatMap((field) => {
      const value = options[camelCase(field)];
      return value === undefined ? [] : [[field, value]];
    }),
  );
}

function hyperparameters(of: JobComponent): [string, Property][] {
  return Object.entries(componentOf(of).properties).filter(([field]) => !OTHERS.some((other) => other === field));
}

/** @returns one, or of what is on or off two, `--merge` and `--no-merge` */
function optionsOf(field: string, property: Property): Option[] {
  const name = optionNameOf(field);
  const description = property.description ?? '';
  const types = [property.type].flat();
  if (types.includes('boolean')) return [new Option(`--${name}`, description), new Option(`--no-${name}`).hideHelp()];
  if (property.enum) return [new Option(`--${name} <${name}>`, description).choices(property.enum)];
  if (types.includes('array'))
    return [
      new Option(`--${name} <names>`, `${description} Separated by commas.`).argParser((text) => text.split(',')),
    ];
  const number = alternativesOf(property).find(({ type }) => type === 'integer' || type === 'number');
  if (number) {
    const words = alternativesOf(property).flatMap((one) => one.enum ?? []);
    return [
      new Option(`--${name} <${[...words, 'n'].join('|')}>`, `${description}${rangeOf(number)}`).argParser((text) =>
        words.includes(text) ? text : numberOf(text),
      ),
    ];
  }
  return [new Option(`--${name} <${name}>`, description)];
}

/** What a field may be; one that may be null too is a number or a text all the same. */
function alternativesOf(property: Property): Alternative[] {
  return (property.anyOf ?? [property]).flatMap((one) => [one.type].flat().map((type) => ({ ...one, type })));
}

function rangeOf({ minimum, maximum }: Alternative): string {
  return minimum === undefined || maximum === undefined ? '' : ` From ${minimum} to ${maximum}.`;
}

/** Ranges are the API's to check, which names the remedy as well. */
function numberOf(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || Number.isNaN(value)) throw new InvalidArgumentError('Give a number.');
  return value;
}

function optionNameOf(field: string): string {
  return NAMES[field] ?? field.replaceAll('_', '-');
}

/** As commander names the value of an option. */
function camelCase(field: string): string {
  return optionNameOf(field).replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}
