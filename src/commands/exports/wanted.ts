import { isRepository, isRevision } from '../../base-models/model-cache.ts';
import { EXPORTS, type ExportChoices, type ExportFormat } from '../../models/exports/export.ts';
import type { Env } from '../../platform/env.ts';
import { UserError } from '../../platform/failure.ts';

/** Of which no export has both: what was asked for, and what a format takes. */
const CHOICES = ['quantization', 'repository', 'revision', 'private'] as const;

/**
 * What an export is asked for with: as given, and as its format has it where nothing was given.
 * @throws UserError for what the format does not know, needs, or cannot have
 */
export function chosenFor(
  { format, ...given }: { format: ExportFormat } & { [Name in keyof ExportChoices]?: ExportChoices[Name] | undefined },
  env: Pick<Env, 'isHubOffline'>,
): ExportChoices {
  const { choices } = EXPORTS[format];
  const chosen = Object.fromEntries(
    CHOICES.map((name) => {
      if (name in choices) return [name, given[name] ?? choices[name]];
      if (given[name] === undefined) return [name, null];
      const others = Object.keys(EXPORTS).filter((other) => name in EXPORTS[other as ExportFormat].choices);
      throw refused(
        name,
        given[name],
        `the format ${format} has none. Leave it out, or take format ${others.join(', ')}`,
      );
    }),
  ) as unknown as ExportChoices;
  if (format === 'hub') requirePushable(chosen, env);
  return chosen;
}

function requirePushable({ repository, revision }: ExportChoices, env: Pick<Env, 'isHubOffline'>): void {
  if (repository === null)
    throw new UserError('repository is missing: format hub needs it, as ORG/NAME, such as my-name/my-model.', {
      field: 'repository',
    });
  if (!isRepository(repository) || !repository.includes('/'))
    throw refused('repository', repository, 'it must be ORG/NAME on the hub, such as my-name/my-model');
  if (revision !== null && (!isRevision(revision) || /^[0-9a-f]{40}$/.test(revision)))
    throw refused('revision', revision, 'it must be a branch, such as main');
  if (env.isHubOffline)
    throw new UserError(
      'HF_HUB_OFFLINE is set, so nothing is pushed to a hub. Unset it and start the service again, or take another format.',
      { field: 'format' },
    );
}

function refused(field: string, value: unknown, why: string): UserError {
  return new UserError(`${field} is ${JSON.stringify(value)}: ${why}.`, { field });
}
