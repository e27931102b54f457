import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { QueryTypes } from 'sequelize';
import { connection } from '../../models/runs/run.ts';
import { ifThere } from '../../platform/files.ts';
import { mixturesDir } from '../../runs/mixture-store.ts';
import { startsDir } from '../../runs/starts.ts';
import { beyondTheirShare, cacheFolders, isWholeInCache } from '../../runs/trainer-cache.ts';
import { filesKind } from './files-kind.ts';

/** Nobody makes anything for so long: what is half made, or was put aside, is given up. */
const HALF_MADE_DAYS = 1;
const SHA256 = /^[0-9a-f]{64}$/;

/** A mixture of which no run has a name is one that only the store has. */
export const mixtures = filesKind({
  name: 'mixtures',
  folders: (env) => ({ mixtures: mixturesDir(env) }),
  know: async (_env, path, name, found) => {
    const isWhole = /^[0-9a-f]+$/.test(name);
    if (!isWhole) return { name: `half-made mixture ${name}`, since: found.ctime, pinned: null, days: HALF_MADE_DAYS };
    const rows = await ifThere(stat(join(path, 'train.parquet')));
    const isTaken = rows !== null && rows.nlink > 1;
    const since = rows?.ctime ?? found.ctime;
    return { name: `mixture ${name.slice(0, 12)}`, since, pinned: isTaken ? 'a run has it' : null };
  },
});

/** Whoever is about to begin from one touches it (keepStart in src/runs/starts.ts). */
export const starts = filesKind({
  name: 'starts',
  folders: (env) => ({ starts: startsDir(env) }),
  know: async (_env, _path, name, found) => {
    const since = found.mtime;
    if (!SHA256.test(name)) return { name: `half-made start ${name}`, since, pinned: null, days: HALF_MADE_DAYS };
    const needed = await connection().query(
      `(SELECT 1 FROM runs WHERE tidied_at IS NULL AND spec ? 'start' AND spec->'start'->>'sha256' = $name LIMIT 1)
       UNION ALL (SELECT 1 FROM checkpoints AS one JOIN runs ON runs.id = one.run_id
         WHERE one.pinned AND spec ? 'start' AND spec->'start'->>'sha256' = $name LIMIT 1)`,
      { bind: { name }, type: QueryTypes.SELECT },
    );
    const pinned = needed.length > 0 ? 'a run that began from it may still go on' : null;
    return { name: `start ${name.slice(0, 12)}`, since, pinned };
  },
});

/** What could be made again, with the time of its last use. */
export const trainerCache = filesKind({
  name: 'trainer_cache',
  folders: cacheFolders,
  know: async (env, path, name, found) => {
    const known = { name: `${name}, of the trainer's cache`, since: found.mtime, pinned: null };
    if (!isWholeInCache(name)) return { ...known, days: HALF_MADE_DAYS };
    const isBeyond = path.startsWith(cacheFolders(env)['four-bits']) && (await beyondTheirShare(env)).has(name);
    return isBeyond ? { ...known, days: 0 } : known;
  },
});

/** Of workers that ended; one that is under way is written to. */
export const workerLogs = filesKind({
  name: 'worker_logs',
  folders: (env) => ({ logs: join(env.home, 'logs') }),
  know: async (_env, _path, name, found) =>
    /^worker-.*\.log(\.1)?$/.test(name) ? { name: `log ${name}`, since: found.mtime, pinned: null } : null,
});
