import { constants } from 'node:fs';
import { access, lstat, realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { makeFolder } from '../platform/durable-files.ts';
import { UserError } from '../platform/failure.ts';
import { ifThere, ifUsable, isNotUsable, isWithin } from '../platform/files.ts';
import { SharedLook } from '../platform/shared-look.ts';

/** An output directory that may not be used; the message says why, and what may. */
export class OutputDirectoryError extends UserError {}

const LONGEST = 4096;
/** Of one name in a path, on the file systems of Linux and macOS. */
const LONGEST_NAME_BYTES = 255;

/**
 * The real path of an output directory that lies under one of `roots` and can be written: an existing directory, or one
 * that can be made. A relative path is taken under the first root. Makes nothing but the roots themselves.
 * @param realOnes of the roots, where they were just looked up
 * @throws OutputDirectoryError with a sentence for the user.
 */
export async function resolveOutputDirectory(requested: string, roots: string[], realOnes?: string[]): Promise<string> {
  return (await look(requested, roots, realOnes)).real;
}

/** The real paths of output roots, which are made where they are not there. @throws OutputDirectoryError */
export async function realRootsOf(roots: string[]): Promise<string[]> {
  return await Promise.all(roots.map((root) => realRoots.at(root)));
}

/**
 * The same of a directory that is there already.
 * @throws OutputDirectoryError also when it does not exist
 */
export async function requireOutputDirectory(requested: string, roots: string[]): Promise<string> {
  const { real, exists } = await look(requested, roots);
  if (exists) return real;
  throw new OutputDirectoryError(
    `output_directory ${shown(requested)} does not exist. Create ${real}; a project that is started creates it by itself.`,
  );
}

function shown(requested: string): string {
  return JSON.stringify(requested.length > 200 ? `${requested.slice(0, 200)}…` : requested);
}

async function look(
  requested: string,
  roots: string[],
  knownRoots?: string[],
): Promise<{ real: string; exists: boolean }> {
  const refuse = (why: string) =>
    new OutputDirectoryError(
      `output_directory ${shown(requested)} ${why}. Use a directory under ${roots.join(' or ')}.`,
    );
  if (requested.trim() === '') throw refuse('is empty');
  if (requested.length > LONGEST) throw refuse(`is longer than ${LONGEST} characters`);
  if (requested.split('/').some((name) => Buffer.byteLength(name) > LONGEST_NAME_BYTES))
    throw refuse(`has a name of more than ${LONGEST_NAME_BYTES} bytes`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  if (/[\u0000-\u001f\u007f]/.test(requested)) throw refuse('has a control character');
  if (/^\s*(file:|[a-z][a-z0-9+.-]*:\/)/i.test(requested))
    throw refuse('looks like a URL; outputs go into directories');
  if (/^~|\$/.test(requested)) throw refuse('begins with ~ or has a $, which are not expanded here');
  if (requested.includes('\\')) throw refuse('has a backslash; separate folders by /');
  if (/%[0-9a-f]{2}/i.test(requested)) throw refuse('has a %-encoded character; write the character itself');
  if (requested.split('/').includes('..')) throw refuse('has ".." in it');

  const realOnes = knownRoots ?? (await realRootsOf(roots));
  const [first] = realOnes;
  const wanted = isAbsolute(requested) ? resolve(requested) : resolve(first ?? '/', requested);
  // Most are not there yet, and the folder above them is: it is looked at meanwhile.
  const above = dirname(wanted);
  const isAboveWritable = writable.at(`${above}/`);
  isAboveWritable.catch(() => {});
  const ancestor = await nearestExisting(wanted, realOnes);
  const real = join(ancestor.real, relative(ancestor.path, wanted));
  // A root itself is no output directory.
  const root = realOnes.find((candidate) => real !== candidate && isWithin(real, candidate));
  if (root === undefined) throw refuse('is outside the allowed directories');
  // With the last slash it must be a directory: one look for both.
  await (ancestor.real === above ? isAboveWritable : writable.at(`${ancestor.real}/`)).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOTDIR') throw refuse(`cannot be made: ${ancestor.path} is no directory`);
      throw isNotUsable(error) ? refuse('is not writable by the service') : error;
    },
  );
  return { real, exists: ancestor.path === wanted };
}

async function realRoot(root: string): Promise<string> {
  try {
    const real = await ifThere(realpath(root));
    if (real !== null) return real;
    await makeFolder(root);
    return await realpath(root);
  } catch (error) {
    if (!isNotUsable(error)) throw error;
    throw new OutputDirectoryError(
      `The output root ${root} does not exist and cannot be made. Make it writable, or set MTM_OUTPUT_ROOTS.`,
    );
  }
}

/** The path itself, or the closest folder above it that is there. A dangling link counts as there: it leads elsewhere. */
const realRoots = new SharedLook(realRoot);
const writable = new SharedLook((path) => access(path, constants.W_OK | constants.X_OK));

/** `known`: real paths that were found a moment ago. */
async function nearestExisting(path: string, known: string[]): Promise<{ path: string; real: string }> {
  for (let candidate = path; ; candidate = dirname(candidate)) {
    if (known.includes(candidate)) return { path: candidate, real: candidate };
    if (await ifUsable(lstat(candidate))) {
      const real = await ifUsable(realpath(candidate));
      if (real === null)
        throw new OutputDirectoryError(`output_directory leads through ${candidate}, a link to nothing.`);
      return { path: candidate, real };
    }
  }
}
