/** A base model on this machine, complete and in a format that runs no code when loaded. */
export interface UsableModel {
  available: true;
  /** As it was asked for. */
  model_name: string;
  /** The directory with its files. */
  path: string;
  directory: string;
  errors: [];
  /** What the name stands for: ORG/NAME in the Hugging Face cache, or a directory. */
  resolved_name: string;
  /** Of these very files: a snapshot's hash, or one that is made from a directory's files. */
  revision: string;
}

/** A model as a hub has it. */
export interface HubModel {
  name: string;
  revision: string;
}

/** A name that no usable model has. */
export interface UnusableModel {
  available: false;
  model_name: string;
  path: null;
  /** Where files of it lie, if any do. */
  directory: string | null;
  /** Sentences, each with the remedy. */
  errors: string[];
  /** What to fetch from a hub to have it; null where that would not help: files of it are there, or no hub has such a name. */
  on_hub: HubModel | null;
  resolved_name: null;
  revision: null;
}

export type FoundModel = UsableModel | UnusableModel;

export function unusable(
  name: string,
  errors: string[],
  { directory = null, on_hub = null }: Partial<Pick<UnusableModel, 'directory' | 'on_hub'>> = {},
): UnusableModel {
  const nothing = { path: null, resolved_name: null, revision: null };
  return { available: false, model_name: name, directory, errors, on_hub, ...nothing };
}

/** The name under which these files, and no later ones, are found. */
export function exactName({ name, revision }: { name: string; revision: string }): string {
  return `${name}@${revision}`;
}
