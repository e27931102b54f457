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

/** A name that no usable model has. */
export interface UnusableModel {
  available: false;
  model_name: string;
  path: null;
  /** Where files of it lie, if any do. */
  directory: string | null;
  /** Sentences, each with the remedy. */
  errors: string[];
  resolved_name: null;
  revision: null;
}

export type FoundModel = UsableModel | UnusableModel;

export function unusable(name: string, errors: string[], directory: string | null = null): UnusableModel {
  return { available: false, model_name: name, path: null, directory, errors, resolved_name: null, revision: null };
}

/** The name under which these files, and no later ones, are found. */
export function exactName({ name, revision }: { name: string; revision: string }): string {
  return `${name}@${revision}`;
}
