import { resolveOutputDirectory } from '../../outputs/output-directory.ts';
import { type PlanDependencies, planTraining } from '../runs/plan-training.ts';
import type { NewProject } from './create-project.ts';
import { checkTraits, traitsOfSpec } from './trait-rules.ts';

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
  { traits, output_directory, ...body }: PlannedProject,
  dependencies: PlanDependencies,
) {
  if (output_directory !== undefined) await resolveOutputDirectory(output_directory, dependencies.env.outputRoots);
  return await planTraining('project', { ...body, traits: traitsOfSpec(checkTraits(traits)) }, dependencies);
}
