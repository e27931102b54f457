import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Sequelize } from 'sequelize';
import { Dataset } from '../../src/models/datasets/dataset.ts';
import { OpenAiFile } from '../../src/models/openai/openai-file.ts';
import { OpenAiUpload, OpenAiUploadPart } from '../../src/models/openai/openai-upload.ts';

/** What uploads leave: every file on the disk, and how many rows of uploads that are open, parts, files and datasets. */
export async function tracesIn(home: string) {
  const folders = ['uploads', 'datasets'].map((folder) => join(home, folder));
  const files = await Promise.all(folders.map(async (folder) => (await readdir(folder, { recursive: true })).sort()));
  const open = await OpenAiUpload.count({ where: { status: 'pending' } });
  const rows = await Promise.all([OpenAiUploadPart.count(), OpenAiFile.count(), Dataset.count()]);
  return { files, rows: [open, ...rows] };
}

/** True when a statement that begins so waits for a lock. */
export async function waitsForLock(sequelize: Sequelize, statement: string): Promise<true | null> {
  const [waiting] = await sequelize.query(
    `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '${statement}%' AND datname = current_database()`,
  );
  return waiting.length > 0 ? true : null;
}
