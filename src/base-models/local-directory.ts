import { readdir, realpath } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ifUsable, isWithin } from '../platform/files.ts';
import { revisionOf } from './directory-revision.ts';
import { type FoundModel, unusable } from './found-model.ts';
import { problemsOf } from './model-directory.ts';
import type { Problem } from './model-files.ts';

/** A model's directory with the revision that its files must be of; or without. */
const WITH_REVISION = /^(.*?)(?:@([0-9a-f]{40}))?$/s;
/** ORG/NAME below a root. */
const DEEPEST_LISTED = 2;

/**
 * Looks at a directory that lies, as do all files in it, under one of `roots`; with @REVISION behind it, for as long as
 * its files are those.
 * @param name an absolute path
 */
export async function findLocalDirectory(roots: string[], name: string): Promise<FoundModel> {
  const [, given = '', revision] = WITH_REVISION.exec(name) ?? [];
  const path = resolve(given);
  const shown = JSON.stringify(path);
  const { isAllowed } = await allowedBelow(roots);
  if (!roots.some((root) => isWithin(path, root)) && !isAllowed(path)) {
    const allowed = roots.length > 0 ? roots.join(', ') : 'none';
    return unusable(name, [
      `${shown} is no model in the Hugging Face cache, and a directory counts as one only below those that MTM_MODEL_ROOTS names (${allowed}). Move it there, or add its directory to MTM_MODEL_ROOTS.`,
    ]);
  }
  const real = (await ifUsable(realpath(path))) ?? path;
  if (!isAllowed(real)) return unusable(name, [leadsOut(shown, path)]);
  if (!(await isReadable(real)))
    return unusable(name, [
      `${shown} is no directory that can be read. Name the one that has the model's config.json.`,
    ]);
  const problems = await problemsOf(real);
  if (problems.length > 0) return unusable(name, problems.map(sentenceFor(shown)), { directory: real });
  const link = await firstLinkOut(real, isAllowed);
  if (link !== null) return unusable(name, [leadsOut(shown, link)]);
  const found = await revisionOf(real);
  if (revision === undefined || revision === found)
    return {
      available: true,
      model_name: name,
      path: real,
      directory: real,
      errors: [],
      resolved_name: real,
      revision: found,
    };
  const changed = `The files of the model ${shown} are not those of revision ${revision} any more. Put those back, or name the model without a revision.`;
  return unusable(name, [changed], { directory: real });
}

async function isReadable(directory: string): Promise<boolean> {
  return (await ifUsable(readdir(directory))) !== null;
}

function sentenceFor(model: string) {
  return ({ what, remedy = 'Copy the model there again, with all of its files.' }: Problem) =>
    `The model ${model} is not usable: ${what}. ${remedy}`;
}

function leadsOut(model: string, link: string): string {
  return `The model ${model} is not usable: ${link} is a link that leads out of the directories that MTM_MODEL_ROOTS names, or to nothing. Put the file itself in its place.`;
}

/**
 * The directory that an absolute path leads to, where it may be read: it lies, as do all files in it, under one of `roots`.
 * @returns else a sentence
 */
export async function readableDirectory(roots: string[], given: string): Promise<{ real: string } | { why: string }> {
  const path = resolve(given);
  const shown = JSON.stringify(path);
  const { isAllowed } = await allowedBelow(roots);
  const real = (await ifUsable(realpath(path))) ?? path;
  if (!isAllowed(real))
    return {
      why: `${shown} is not below a directory that MTM_MODEL_ROOTS names (${roots.join(', ') || 'none'}). Move it there, or add its directory to MTM_MODEL_ROOTS.`,
    };
  if (!(await isReadable(real))) return { why: `${shown} is no directory that can be read.` };
  const link = await firstLinkOut(real, isAllowed);
  if (link === null) return { real };
  return {
    why: `${link} is a link that leads out of the directories that MTM_MODEL_ROOTS names, or to nothing. Put the file itself in its place.`,
  };
}

/** Whether real paths lie under one of `roots`, which may be links. */
async function allowedBelow(roots: string[]): Promise<{ isAllowed: (real: string) => boolean }> {
  const realRoots = await Promise.all(roots.map(async (root) => (await ifUsable(realpath(root))) ?? root));
  return { isAllowed: (real) => realRoots.some((root) => isWithin(real, root)) };
}

/** The directories with a model at or below each of the roots, usable or not; sorted. */
export async function directoriesIn(roots: string[]): Promise<string[]> {
  const found = await Promise.all(roots.map((root) => modelsBelow(root, DEEPEST_LISTED)));
  return [...new Set(found.flat())].sort();
}

async function modelsBelow(directory: string, levels: number): Promise<string[]> {
  const entries = (await ifUsable(readdir(directory, { withFileTypes: true }))) ?? [];
  if (entries.some(({ name }) => name === 'config.json' || name.endsWith('.safetensors'))) return [directory];
  if (levels === 0) return [];
  const folders = entries.filter(({ name }) => !name.startsWith('.')).map(({ name }) => join(directory, name));
  return (await Promise.all(folders.map((folder) => modelsBelow(folder, levels - 1)))).flat();
}

/** A link that leads to where nothing may be read, or to nothing. */
async function firstLinkOut(directory: string, isAllowed: (real: string) => boolean): Promise<string | null> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  for (const entry of entries.filter((candidate) => candidate.isSymbolicLink())) {
    const link = join(entry.parentPath, entry.name);
    const target = await ifUsable(realpath(link));
    if (target === null || !isAllowed(target)) return link;
  }
  return null;
}
