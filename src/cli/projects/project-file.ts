import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { componentOf } from '../api/document.ts';
import type { ProjectCreate } from '../api/types.ts';
import { datasetFor } from '../datasets/upload.ts';
import type { Session } from '../session.ts';
import { readYamlFile } from '../yaml-file.ts';

/** What is looked at here; the API checks all of it, and names what is wrong. */
export const TraitsSchema = z.array(
  z.looseObject({ datasets: z.array(z.looseObject({ dataset: z.string().optional() })) }),
);
const FileSchema = z.looseObject({
  traits: TraitsSchema,
  followed_by: z.looseObject({ traits: TraitsSchema.optional() }).nullish(),
});

/**
 * The body of a project from its file: YAML (or JSON, which is YAML) with the fields of POST /projects/. A dataset may be named by
 * `dataset`, a path beside the file or a name, instead of `dataset_id`; a path is uploaded, once.
 * @throws CommandFailure with the line where it is no YAML
 */
export async function readProjectFile(session: Session, path: string): Promise<ProjectCreate> {
  const data = await readYamlFile(path, FileSchema, '`mtm project schema` prints what a project file may have.');
  const folder = dirname(resolve(path));
  const traits = await withIds(session, data.traits, folder);
  const others = data.followed_by?.traits;
  const following = others
    ? { followed_by: { ...data.followed_by, traits: await withIds(session, others, folder) } }
    : {};
  // What else is in it is for the API to check, which names the field, the value and the remedy.
  return { ...data, traits, ...following } as unknown as ProjectCreate;
}

/** Traits whose datasets have their ids. A path is taken from `folder`. */
export async function withIds(
  session: Session,
  given: z.infer<typeof TraitsSchema>,
  folder: string,
): Promise<object[]> {
  const traits = [];
  for (const trait of given) {
    const datasets = [];
    for (const { dataset, ...share } of trait.datasets) {
      const id = dataset === undefined ? {} : { dataset_id: (await datasetFor(session, dataset, folder)).id };
      datasets.push({ ...share, ...id });
    }
    traits.push({ ...trait, datasets });
  }
  return traits;
}

/** JSON Schema of a project file, for editors: that of POST /projects/, where a dataset may be named as well. */
export function projectSchema(): object {
  const schema = structuredClone(componentOf('ProjectCreate'));
  const { items: trait } = z.looseObject({ items: TraitSchema }).parse(schema.properties.traits);
  const share = trait.properties.datasets.items;
  share.properties.dataset = {
    type: 'string',
    description: 'Instead of dataset_id: a path beside this file, which is uploaded once, or the name of a dataset.',
  };
  share.required = share.required.filter((name) => name !== 'dataset_id');
  Object.assign(share, { oneOf: [{ required: ['dataset_id'] }, { required: ['dataset'] }] });
  const traits = { ...schema.properties.traits, items: trait };
  const { anyOf: following } = FollowingSchema.parse(schema.properties.followed_by);
  for (const { properties } of following) if (properties) properties.traits = traits;
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'A project of the Model Training Manager',
    ...schema,
    properties: {
      ...schema.properties,
      traits,
      followed_by: { ...schema.properties.followed_by, anyOf: following },
    },
  };
}

const FollowingSchema = z.looseObject({
  anyOf: z.array(z.looseObject({ properties: z.record(z.string(), z.unknown()).optional() })),
});

const TraitSchema = z.looseObject({
  properties: z.looseObject({
    datasets: z.looseObject({
      items: z.looseObject({
        properties: z.record(z.string(), z.unknown()),
        required: z.array(z.string()),
      }),
    }),
  }),
});
