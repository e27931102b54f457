import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import type { SweepCreate } from '../api/types.ts';
import { datasetFor } from '../datasets/upload.ts';
import type { Session } from '../session.ts';
import { readYamlFile } from '../yaml-file.ts';

const FileSchema = z.looseObject({ job: z.looseObject({ dataset: z.string().optional() }) });

/**
 * The body of a sweep from its file, with the fields of POST /sweeps/. The dataset of its job may be named by `dataset`, a path beside
 * the file or a name, instead of `dataset_id`; a path is uploaded, once.
 */
export async function readSweepFile(session: Session, path: string): Promise<SweepCreate> {
  const { job, ...asked } = await readYamlFile(path, FileSchema, 'docs/sweeps.md has an example.');
  const { dataset, ...others } = job;
  const id =
    dataset === undefined ? {} : { dataset_id: (await datasetFor(session, dataset, dirname(resolve(path)))).id };
  // What else is in it is for the API to check, which names the field, the value and the remedy.
  return { ...asked, job: { ...others, ...id } } as unknown as SweepCreate;
}
