import type { AskedQueue } from '../../models/runs/queue-choices.ts';
import type { Search } from '../../models/sweeps/search.ts';
import type { EarlyStop } from '../../models/sweeps/sweep.ts';
import type { NewJob } from '../jobs/create-job.ts';
import type { NewProject } from '../projects/create-project.ts';

/** What all runs of a sweep have. `name`: how their names begin; that of the sweep, where it is left out. */
export type SweptJob = Omit<NewJob, 'name'> & { name?: string | undefined };

/**
 * The same of projects. Their models go below `output_directory`, each into a folder of its own. `traits`: left out where the search
 * has mixtures.
 */
export type SweptProject = Omit<NewProject, 'name' | 'output_directory' | 'traits' | 'followed_by'> & {
  name?: string | undefined;
  output_directory?: string | undefined;
  traits?: NewProject['traits'] | undefined;
  force?: boolean | undefined;
  download?: boolean | undefined;
} & AskedQueue;

/** A sweep as it is asked for, of a job or of a project. */
export interface NewSweep {
  name: string;
  description?: string | null | undefined;
  job?: SweptJob | undefined;
  project?: SweptProject | undefined;
  search: Search;
  early_stop?: EarlyStop | null | undefined;
  max_concurrent_runs: number;
}
