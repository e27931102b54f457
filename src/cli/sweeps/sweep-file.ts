import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import type { SweepCreate } from '../api/types.ts';
import { datasetFor } from '../datasets/upload.ts';
import { TraitsSchema, withIds } from '../projects/project-file.ts';
import type { Session } from '../session.ts';
import { readYamlFile } from '../yaml-file.ts';

const FileSchema = z.looseObject({
  job: z.looseObject({ dataset: z.string().optional() }).optional(),
  project: z.looseObject({ traits: TraitsSchema.optional() }).optional(),
  search: z.looseObject({ mixtures: z.array(z.looseObject({ traits: TraitsSchema })).optional() }).optional(),
});

/**
 * The body of a sweep from its file, with the fields of POST /sweeps/. A dataset may be named by `dataset`, a path beside the file or a
 * name, instead of `dataset_id`; a path is uploaded, once.
 */
export async function readSweepFile(session: Session, path: string): Promise<SweepCreate> {
  const { job, project, search, ...asked } = await readYamlFile(path, FileSchema, 'docs/sweeps.md has an example.');
  const folder = dirname(resolve(path));
  const body: Record<string, unknown> = { ...asked };
  if (job) {
    const { dataset, ...others } = job;
    const id = dataset === undefined ? {} : { dataset_id: (await datasetFor(session, dataset, folder)).id };
    body.job = { ...others, ...id };
  }
  if (project) {
    const { traits } = project;
    body.project = traits ? { ...project, traits: await withIds(session, traits, folder) } : project;
  }
  if (search) {
    const mixtures = [];
    for (const mixture of search.mixtures ?? [])
      mixtures.push({ ...mixture, traits: await withIds(session, mixture.traits, folder) });
    body.search = search.mixtures ? { ...search, mixtures } : search;
  }
  // What else is in it is for the API to check, which names the field, the value and the remedy.
  return body as unknown as SweepCreate;
}
