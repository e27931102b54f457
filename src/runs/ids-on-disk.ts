import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { QueryTypes } from 'sequelize';
import { z } from 'zod';
import type { Env } from '../platform/env.ts';
import { ifThere } from '../platform/files.ts';
import { sequelizeFor } from '../platform/postgres/sequelize.ts';
import { type PlacedRun, RUN_CARD, runsDir } from './run-paths.ts';

const RunCardSchema = z.object({ workflow_id: z.string(), spec: z.looseObject({ output_directory: z.string() }) });

/**
 * Makes new runs, jobs and projects get ids that no earlier one had, as the run folders tell. In a database that was
 * restored from a backup the ids of what was created since would be given out again, and with them folders and workflows.
 * @param home MTM_HOME
 * @returns a sentence for each kind of id that was moved on; nothing in a database that is not an older copy.
 */
export async function keepIdsUnique(databaseUrl: string, home: string): Promise<string[]> {
  const folder = runsDir({ home });
  const onDisk = ((await ifThere(readdir(folder))) ?? []).filter((name) => /^\d+$/.test(name)).map(Number);
  if (onDisk.length === 0) return [];
  const sequelize = sequelizeFor(databaseUrl, { pool: { max: 1 } });
  try {
    const [known] = await sequelize.query<{ id: number }>('SELECT coalesce(max(id), 0) AS id FROM runs', {
      type: QueryTypes.SELECT,
    });
    const unknown = onDisk.filter((id) => id > Number(known?.id));
    const highest = { runs: Math.max(0, ...unknown), jobs: 0, projects: 0 };
    for (const id of unknown) {
      const placed = await placedByCard({ home }, id);
      const [, kind, owner] = /^(job|project)-(\d+)-/.exec(placed?.workflow_id ?? '') ?? [];
      if (kind === 'job' || kind === 'project') highest[`${kind}s`] = Math.max(highest[`${kind}s`], Number(owner));
    }
    const moved: string[] = [];
    for (const [table, id] of Object.entries(highest)) {
      const rows = await sequelize.query(
        `SELECT setval(sequence, $id::bigint) FROM (SELECT pg_get_serial_sequence($table, 'id')::regclass AS sequence) AS s
         WHERE $id::bigint > coalesce(pg_sequence_last_value(sequence), 0)`,
        { bind: { table, id }, type: QueryTypes.SELECT },
      );
      if (rows.length > 0) moved.push(`The database is older than the files of ${table}: new ids begin after ${id}.`);
    }
    return moved;
  } finally {
    await sequelize.close();
  }
}

/** What a run's folder says of it; null where its card is missing, or was cut short when the disk was full. */
export async function placedByCard(env: Pick<Env, 'home'>, id: number): Promise<PlacedRun | null> {
  const text = await ifThere(readFile(join(runsDir(env), String(id), RUN_CARD), 'utf8'));
  try {
    return { id, ...RunCardSchema.parse(JSON.parse(text ?? '')) };
  } catch {
    return null;
  }
}
