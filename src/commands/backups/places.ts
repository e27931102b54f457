import { join, relative, resolve } from 'node:path';
import type { Env } from '../../platform/env.ts';
import { UserError } from '../../platform/failure.ts';
import { isWithin } from '../../platform/files.ts';
import type { Manifest } from './manifest.ts';

/** What lay below `from` on the machine of the backup lies below `to` on this one. */
export interface Move {
  from: string;
  to: string;
}

/**
 * Where a backup's files go: MTM_HOME to MTM_HOME, the one output root to the one, and others as they are told.
 * @param told OLD=NEW, of output roots
 * @throws UserError for one that means nothing, or leads to where no output may be
 */
export function movesOf(
  { home, output_roots }: Pick<Manifest, 'home' | 'output_roots'>,
  env: Pick<Env, 'home' | 'outputRoots'>,
  told: string[],
): Move[] {
  const moves = told.map((text) => moveOf(text, output_roots, env.outputRoots));
  const [old, root] = [output_roots[0], env.outputRoots[0]];
  const isOnly = output_roots.length === 1 && env.outputRoots.length === 1;
  if (moves.length === 0 && isOnly && old !== undefined && root !== undefined) moves.push({ from: old, to: root });
  moves.push({ from: home, to: env.home });
  // What is deeper goes first: an output root may lie below the home.
  return moves.sort((a, b) => b.from.length - a.from.length);
}

function moveOf(text: string, oldRoots: string[], newRoots: string[]): Move {
  const [from = '', to = ''] = text.split('=').map((path) => path && resolve(path));
  if (!from || !to)
    throw new UserError(`--output-root is ${JSON.stringify(text)}: write OLD=NEW, such as /old/outputs=/new/outputs.`);
  if (!oldRoots.includes(from))
    throw new UserError(
      `--output-root names ${from}, which is no output root of the backup. It has: ${oldRoots.join(', ')}.`,
    );
  if (!newRoots.some((root) => isWithin(to, root)))
    throw new UserError(
      `--output-root leads to ${to}, which is not below MTM_OUTPUT_ROOTS (${newRoots.join(', ')}). Set that first.`,
    );
  return { from, to };
}

/** Where a path of the backup lies on this machine. */
export function moved(path: string, moves: Move[]): string {
  const move = moves.find(({ from }) => isWithin(path, from));
  return move ? join(move.to, relative(move.from, path)) : path;
}

/** @throws UserError for a file that would come to lie where the service writes nothing */
export function requirePlace(path: string, place: string, env: Pick<Env, 'home' | 'outputRoots'>): void {
  const isPlain = resolve(path) === path;
  if (isPlain && [env.home, ...env.outputRoots].some((root) => place !== root && isWithin(place, root))) return;
  throw new UserError(
    `The backup has ${path}, which would come to lie at ${place}: that is neither below MTM_HOME nor below MTM_OUTPUT_ROOTS (${env.outputRoots.join(', ')}). Add its directory to MTM_OUTPUT_ROOTS, or say with --output-root OLD=NEW where it goes.`,
  );
}
