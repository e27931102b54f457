import type { Stats } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import type { StorageKind } from '../../models/storage/retention.ts';
import type { Env } from '../../platform/env.ts';
import { ifThere } from '../../platform/files.ts';
import { namesIn, sizeOf } from '../../platform/folder-size.ts';
import { isTrash, removeByTrash } from '../../platform/trash.ts';
import { type Held, isDue, type Kind } from './kind.ts';

/** What a kind knows of a file or folder, beside its size. */
export type Known = Pick<Held, 'name' | 'since' | 'pinned' | 'days'>;

/** A kind of files or folders that all lie in one folder, or some, each by its name. */
export interface Files {
  name: StorageKind;
  /** The folders that they lie in, by a name that is part of what they are found by. */
  folders(env: Env): Record<string, string>;
  /** @returns null for what is none of them */
  know(env: Env, path: string, name: string, found: Stats): Promise<Known | null>;
}

/**
 * Whoever needs such a file takes it without a transaction, and touches or links it first: so it is looked at once more when it is out of
 * its place.
 */
export function filesKind({ name: kind, folders, know }: Files): Kind {
  const placeOf = (env: Env, thing: string) => {
    const [folder = '', ...rest] = thing.split('/');
    const [dir, name] = [folders(env)[folder], rest.join('/')];
    if (dir === undefined || !/^[^/]+$/.test(name) || name === '.' || name === '..')
      throw new Error(`${thing} is no place of ${kind}.`);
    return { path: join(dir, name), name };
  };
  const knownAt = async (env: Env, path: string, name: string): Promise<Known | null> => {
    const found = await ifThere(lstat(path));
    return found && (await know(env, path, name, found));
  };
  const look = async (env: Env, thing: string): Promise<Held | null> => {
    const { path, name } = placeOf(env, thing);
    const known = await knownAt(env, path, name);
    return known && { ...known, thing, run_id: null, bytes: null };
  };
  return {
    name: kind,
    async *held(env) {
      for (const [folder, dir] of Object.entries(folders(env)))
        for await (const name of namesIn(dir)) {
          const held = isTrash(name) ? null : await look(env, `${folder}/${name}`);
          if (held) yield held;
        }
    },
    look,
    size: async (env, thing) => (await sizeOf(placeOf(env, thing).path)).bytes,
    async remove(env, { id, thing, keep_days }) {
      const { path, name } = placeOf(env, thing);
      const isWanted = async (at: string) => {
        const known = await knownAt(env, at, name);
        return (
          known !== null && !isDue(kind, { ...known, days: keep_days, thing, run_id: null, bytes: null }, keep_days)
        );
      };
      const isGone = await removeByTrash(path, id, isWanted);
      return isGone ? null : 'somebody has taken it meanwhile';
    },
  };
}
