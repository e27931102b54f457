import { tokensOfStart } from '../../models/runs/start.ts';
import { resolveOutputDirectory } from '../../outputs/output-directory.ts';
import { type PlanDependencies, planTraining } from '../runs/plan-training.ts';
import { requireAfter } from '../runs/require-after.ts';
import { requireGate } from '../versions/require-gate.ts';
import type { NewProject } from './create-project.ts';
import { ofFollowing } from './following.ts';
import { checkMixing, checkTraits, traitsOfSpec } from './trait-rules.ts';

/** A project that nobody asked to create: it needs no name and no place. */
export type PlannedProject = Omit<NewProject, 'name' | 'output_directory'> & {
  name?: string | undefined;
  output_directory?: string | undefined;
  download?: boolean | undefined;
};

/**
 * What the mixture of a project would be, without creating anything; with its tokens where a base model is given.
 * @throws UserError; NotYetError while the trainer's Python, which counts tokens, is not there; DatasetError
 */
export async function planProject(
  { traits, output_directory, followed_by, gate, after, ...body }: PlannedProject,
  dependencies: PlanDependencies,
) {
  if (output_directory !== undefined) await resolveOutputDirectory(output_directory, dependencies.env.outputRoots);
  await requireAfter({ after }, null, null);
  const checked = checkTraits(traits);
  checkMixing(body.mixing);
  const shares = traitsOfSpec(checked);
  const first = await planTraining('project', { ...body, traits: shares }, dependencies);
  const named = checked.map(({ trait_type }) => trait_type);
  if (gate) requireGate(gate, first.training_type, named);
  if (!followed_by) return { first, second: null };
  const { traits: others, max_rows = body.max_rows, ...rest } = followed_by;
  const { base_model } = first;
  const second = await ofFollowing(() =>
    planTraining(
      'project',
      {
        ...{ base_model: body.base_model === undefined && !body.starts_from ? undefined : base_model },
        ...{ mixing: body.mixing, download: body.download, max_rows },
        ...tokensOfStart(first),
        ...rest,
        traits: others ? traitsOfSpec(checkTraits(others)) : shares,
      },
      dependencies,
    ),
  );
  return { first, second };
}
