import { isRepository, isRevision } from '../../base-models/model-cache.ts';
import { EXPORT_FORMATS, EXPORTS, type ExportChoices, type ExportFormat } from '../../models/exports/export.ts';
import type { Env } from '../../platform/env.ts';
import { UserError } from '../../platform/failure.ts';

type Asked = { format: ExportFormat } & { [Name in keyof ExportChoices]?: ExportChoices[Name] | undefined };

/**
 * What an export is asked for with: as given, and as its format has it where nothing was given.
 * @throws UserError for what the format does not know, needs, or cannot have
 */
export function chosenFor(asked: Asked, env: Pick<Env, 'isHubOffline'>): ExportChoices {
  const chosen = {
    quantization: choiceOf(asked, 'quantization'),
    repository: choiceOf(asked, 'repository'),
    revision: choiceOf(asked, 'revision'),
    private: choiceOf(asked, 'private'),
  };
  if (asked.format === 'hub') requirePushable(chosen, env);
  return chosen;
}

function choiceOf<Name extends keyof ExportChoices>(asked: Asked, name: Name): ExportChoices[Name] | null {
  const { choices } = EXPORTS[asked.format];
  const given = asked[name];
  if (name in choices) return given ?? choices[name] ?? null;
  if (given === undefined) return null;
  const others = EXPORT_FORMATS.filter((format) => name in EXPORTS[format].choices);
  const why = `the format ${asked.format} has none. Leave it out, or take format ${others.join(', ')}`;
  throw refused(name, given, why);
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
