import type { Project } from '../../models/projects/project.ts';
import type { Gate } from '../../models/versions/gate.ts';
import { requireGate } from '../versions/require-gate.ts';
import { findProject } from './find-project.ts';

/** What of a project may change after it was created. `gate` null: every run that completes is promoted. */
interface ProjectChanges {
  name?: string | undefined;
  description?: string | null | undefined;
  gate?: Gate | null | undefined;
}

/** A gate is for the runs that are validated from now on. @throws NotFoundError, UserError */
export async function changeProject(id: number, changes: ProjectChanges): Promise<Project> {
  const project = await findProject(id);
  const traits = (project.traits ?? []).map(({ trait_type }) => trait_type);
  if (changes.gate) requireGate(changes.gate, project.training_type, traits);
  return await project.update(changes);
}
