import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { bodyOf, client } from './client.ts';
import type { Dataset, Job, Project } from './types.ts';

/** Of each kind. */
const SHOWN = 6;
const GOOD_MS = 5_000;

/** The beginning of a list, and how long the whole of it is. */
interface Part<Item> {
  items: Item[];
  total: number;
}

export interface Found {
  jobs: Part<Job>;
  projects: Part<Project>;
  datasets: Part<Dataset>;
  /** Of all datasets that these jobs and projects train on. */
  datasetNames: Record<number, string>;
}

/** Numbers of each kind. */
export interface Numbers {
  jobs: number[];
  projects: number[];
  datasets: number[];
}

/** Jobs, projects and datasets that have each of the words of a text; see the parameter `search` of their lists. Broken off when nobody waits for it any more. */
export function foundQuery(text: string) {
  return queryOptions({
    queryKey: ['search', text],
    queryFn: ({ signal }) => {
      const query = { search: text, page_size: SHOWN };
      return completed(
        bodyOf(client.GET('/api/v1/jobs/', { params: { query }, signal })),
        bodyOf(client.GET('/api/v1/projects/', { params: { query }, signal })),
        bodyOf(client.GET('/api/v1/datasets/', { params: { query }, signal })),
        signal,
      );
    },
    staleTime: GOOD_MS,
    placeholderData: keepPreviousData,
  });
}

/** Those of these numbers that are there. */
export function byNumbersQuery({ jobs, projects, datasets }: Numbers) {
  return queryOptions({
    queryKey: ['search', 'numbers', jobs, projects, datasets],
    queryFn: ({ signal }) => {
      const params = (ids: number[]) => ({ params: { query: { ids: ids.join(','), page_size: ids.length } }, signal });
      return completed(
        jobs.length === 0 ? NOTHING : bodyOf(client.GET('/api/v1/jobs/', params(jobs))),
        projects.length === 0 ? NOTHING : bodyOf(client.GET('/api/v1/projects/', params(projects))),
        datasets.length === 0 ? NOTHING : bodyOf(client.GET('/api/v1/datasets/', params(datasets))),
        signal,
      );
    },
    staleTime: GOOD_MS,
  });
}

const NOTHING = { items: [], total: 0 };

async function completed(
  ...[jobs, projects, datasets, signal]: [
    Part<Job> | Promise<Part<Job>>,
    Part<Project> | Promise<Part<Project>>,
    Part<Dataset> | Promise<Part<Dataset>>,
    AbortSignal,
  ]
): Promise<Found> {
  const found = await Promise.all([jobs, projects, datasets]);
  const known = new Map(found[2].items.map(({ id, name }) => [id, name]));
  const missing = [...new Set([...found[0].items, ...found[1].items].flatMap(datasetsOf))].filter(
    (id) => !known.has(id),
  );
  if (missing.length > 0) {
    const query = { ids: missing.slice(0, MOST_IDS).join(','), page_size: MOST_IDS };
    const { items } = await bodyOf(client.GET('/api/v1/datasets/', { params: { query }, signal }));
    for (const { id, name } of items) known.set(id, name);
  }
  return {
    jobs: found[0],
    projects: found[1],
    datasets: found[2],
    datasetNames: Object.fromEntries(known),
  };
}

/** The service gives no more at once. */
const MOST_IDS = 100;

/** The numbers of the datasets that a job or project trains on. */
export function datasetsOf(owner: Job | Project): number[] {
  if ('dataset_id' in owner) return [owner.dataset_id];
  return [...new Set(owner.traits.flatMap(({ datasets }) => datasets.map(({ dataset_id }) => dataset_id)))];
}
