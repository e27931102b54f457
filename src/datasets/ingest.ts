import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { durableRename } from '../platform/durable-files.ts';
import { isMadeFrom, madeFrom } from './conversation-files.ts';
import type { Converted, ConvertRequest } from './convert.ts';
import type { DataProcessOptions } from './data-process.ts';
import { inDataProcess } from './in-data-process.ts';
import { kindOf } from './source-kind.ts';

/**
 * Makes the canonical Parquet of an uploaded file, in a process of its own. It appears under its name when it is whole,
 * and stays there also after a loss of power.
 * @throws DatasetError with a sentence for the user; NoRoomError; the reason of the signal. Nothing is left behind.
 */
export async function ingestDataset(
  request: Omit<ConvertRequest, 'workDir'>,
  options: DataProcessOptions = {},
): Promise<Converted> {
  kindOf(request.originalName);
  const workDir = `${request.parquetPath}.partial`;
  const partial = `${workDir}/whole.parquet`;
  await mkdir(workDir, { recursive: true });
  try {
    const converted = await inDataProcess('convert', { ...request, parquetPath: partial, workDir }, options);
    await durableRename(partial, request.parquetPath);
    for (const name of await readdir(workDir))
      if (isMadeFrom(name)) await durableRename(join(workDir, name), madeFrom(request.parquetPath, name));
    return converted;
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}
