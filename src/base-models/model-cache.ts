import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ifUsable } from '../platform/files.ts';
import { type FoundModel, unusable } from './found-model.ts';
import { problemsOf } from './model-directory.ts';

/** ORG/NAME or NAME, as the hub allows it; so no name leads out of the cache. */
const REPOSITORY = /^[A-Za-z0-9][A-Za-z0-9._-]*(\/[A-Za-z0-9][A-Za-z0-9._-]*)?$/;
const REVISION = /^[A-Za-z0-9][A-Za-z0-9._-]*(\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/;
const MAIN = 'main';
/** Of file systems. */
const LONGEST_FILE_NAME = 255;
/** How what is being deleted is called until it is gone. */
export const DELETING = '.deleting-';

/**
 * Looks a model up in a Hugging Face hub cache by its own rules: models--ORG--NAME/refs/main names the snapshot, whose
 * files are links to blobs. Of ORG/NAME@REVISION another reference, or a snapshot's hash, has the place of main.
 */
export async function findInCache(cacheDir: string, name: string): Promise<FoundModel> {
  const [, repository = '', revision = MAIN] = /^([^@]*)(?:@(.*))?$/s.exec(name) ?? [];
  if (!isPart(repository, REPOSITORY) || !isPart(revision, REVISION)) {
    return unusable(name, [
      `${JSON.stringify(name)} is no model in the Hugging Face cache: its models are named ORG/NAME, or ORG/NAME@REVISION.`,
    ]);
  }
  const download = `\`mtm model add ${repository}${revision === MAIN ? '' : ` --revision ${revision}`}\``;
  const folder = join(cacheDir, folderOf(repository));
  const snapshot = await snapshotOf(folder, revision);
  if (snapshot === null)
    return unusable(name, [await notThere(cacheDir, name, repository, download)], {
      on_hub: { name: repository, revision },
    });
  const path = join(folder, 'snapshots', snapshot);
  const problems = await problemsOf(path);
  if (problems.length === 0)
    return {
      available: true,
      model_name: name,
      path,
      directory: path,
      errors: [],
      resolved_name: repository,
      revision: snapshot,
    };
  return unusable(
    name,
    problems.map(
      ({ what, remedy = `Get it again with ${download}.` }) =>
        `The model ${name} in the cache is not usable: ${what}. ${remedy}`,
    ),
    { directory: path },
  );
}

/** The names of all models that the cache has a folder of, whole or not; sorted. */
export async function repositoriesIn(cacheDir: string): Promise<string[]> {
  const folders = (await ifUsable(readdir(cacheDir))) ?? [];
  return folders
    .filter((folder) => folder.startsWith('models--'))
    .map((folder) => folder.slice('models--'.length).replace('--', '/'))
    .sort();
}

/** The folder of a model in a cache. */
export function folderOf(repository: string): string {
  return `models--${repository.replace('/', '--')}`;
}

/** Whether this may be the name of a model on a hub. */
export function isRepository(name: string): boolean {
  return isPart(name, REPOSITORY) && folderOf(name).length <= LONGEST_FILE_NAME;
}

/** Whether this may be a branch, a tag or a commit of a model. */
export function isRevision(revision: string): boolean {
  return isPart(revision, REVISION);
}

function isPart(text: string, pattern: RegExp): boolean {
  return pattern.test(text) && !text.includes('--') && !text.includes('..');
}

/** The snapshot that a reference names, or that has that name itself; null when it is not there. */
async function snapshotOf(folder: string, revision: string): Promise<string | null> {
  const named = (await ifUsable(readFile(join(folder, 'refs', revision), 'utf8'))) ?? revision;
  const snapshot = named.trim();
  if (!/^[0-9A-Za-z]+$/.test(snapshot)) return null;
  const found = await ifUsable(stat(join(folder, 'snapshots', snapshot)));
  return found?.isDirectory() ? snapshot : null;
}

async function notThere(cacheDir: string, name: string, repository: string, download: string): Promise<string> {
  const there = await thereInstead(cacheDir, repository);
  return `The model ${name} is not in the cache ${cacheDir}. ${there}Fetch it with ${download}, or let its run fetch it ("download": true, \`--download-model\`). \`mtm model install smollm2-135m\` installs a small one (for an index: \`minilm\`).`;
}

/** What may have been meant. */
async function thereInstead(cacheDir: string, repository: string): Promise<string> {
  const others = (await ifUsable(readdir(join(cacheDir, folderOf(repository), 'snapshots')))) ?? [];
  if (others.length > 0) return `It is there as ${others.map((hash) => `${repository}@${hash}`).join(', ')}. `;
  const known = await repositoriesIn(cacheDir);
  const meant = likeliest(repository, known);
  if (meant) return `Did you mean ${meant}? `;
  return known.length > 0 ? `It has ${fewOf(known)}. ` : '';
}

const MOST_NAMED = 5;

function fewOf(names: string[]): string {
  const more = names.length - MOST_NAMED;
  return [...names.slice(0, MOST_NAMED), ...(more > 0 ? [`${more} more`] : [])].join(', ');
}

/** The one whose name, without its organisation, is this, or begins with it. */
function likeliest(name: string, known: string[]): string | undefined {
  const asked = lastPart(name);
  return known.find((other) => lastPart(other) === asked) ?? known.find((other) => lastPart(other).startsWith(asked));
}

function lastPart(name: string): string {
  return name.slice(name.indexOf('/') + 1).toLowerCase();
}
