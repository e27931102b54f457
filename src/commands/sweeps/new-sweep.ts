import type { Search } from '../../models/sweeps/search.ts';
import type { EarlyStop } from '../../models/sweeps/sweep.ts';
import type { NewJob } from '../jobs/create-job.ts';

/** What all runs of a sweep have. `name`: how their names begin; that of the sweep, where it is left out. */
export type SweptJob = Omit<NewJob, 'name'> & { name?: string | undefined };

/** A sweep as it is asked for. */
export interface NewSweep {
  name: string;
  description?: string | null | undefined;
  job: SweptJob;
  search: Search;
  early_stop?: EarlyStop | null | undefined;
  max_concurrent_runs: number;
}
