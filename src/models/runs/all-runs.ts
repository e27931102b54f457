import {
  col,
  type FindAttributeOptions,
  fn,
  literal,
  Op,
  type Order,
  type OrderItem,
  type WhereOptions,
  where,
} from 'sequelize';
import type { TrainingType } from '../../trainer/training-types.ts';
import { createdWithin, holding } from '../conditions.ts';
import type { Job } from '../jobs/job.ts';
import type { Project } from '../projects/project.ts';
import { found } from '../search.ts';
import { withPlaces } from './latest-run.ts';
import { Run } from './run.ts';
import type { RunStatus } from './statuses.ts';

const OWNERS = [
  { association: 'job', attributes: ['id', 'name', 'training_type', 'model_name', 'latest_run_id'] },
  { association: 'project', attributes: ['id', 'name', 'training_type', 'base_model', 'latest_run_id'] },
];
const NAME = fn('coalesce', col('job.name'), col('project.name'));
/** A run's own: the second part of a project may have another one than the first. Specs are large, and those of other runs are not read for it. */
const TRAINING_TYPE = literal(
  `coalesce("job"."training_type", CASE WHEN "project"."followed_by" IS NULL THEN "project"."training_type" ELSE "Run"."spec"->>'training_type' END)`,
);
/** Without what is large. */
const ATTRIBUTES: FindAttributeOptions = {
  exclude: ['spec', 'plan', 'gate', 'held_out'],
  include: [[TRAINING_TYPE, 'training_type']],
};

/** Which runs; what is left out does not matter. */
export interface RunSearch {
  statuses: readonly RunStatus[] | undefined;
  kind: 'job' | 'project' | undefined;
  trainingType: TrainingType | undefined;
  /** Part of the name of the job or project. */
  name: string | undefined;
  /** See search.ts. */
  search: string | undefined;
  ids: number[] | undefined;
  createdAfter: string | undefined;
  createdBefore: string | undefined;
  completedAfter: string | undefined;
  sort: { field: string; direction: 'ASC' | 'DESC' };
  limit: number;
  offset: number;
}

/** A run with its training type, and what it is of: one of the two. */
export type OwnedRun = Run & { job: Job | null; project: Project | null; training_type: TrainingType };

/** These runs, in this order, as findRuns has them. */
export async function readRuns(ids: number[]): Promise<OwnedRun[]> {
  const rows = await Run.findAll({ attributes: ATTRIBUTES, include: OWNERS, where: { id: ids } });
  const places = new Map(ids.map((id, place) => [id, place]));
  rows.sort((a, b) => (places.get(a.id) ?? 0) - (places.get(b.id) ?? 0));
  return await withPlaces(rows.map(owned));
}

/** What was included is not in the model's type: it is read with every run here alone. */
function owned(run: Run): OwnedRun {
  return Object.assign(run, { training_type: run.get('training_type') }) as OwnedRun;
}

/** From here on it is worth to count before: beyond the middle, a page is read from the end. */
const FAR_ROWS = 1_000;

function orderBy({ field, direction }: RunSearch['sort']): OrderItem {
  if (field === 'name') return [NAME, direction];
  // Those that have not ended have no time of their end, and come last.
  if (field === 'completed_at') return [col('Run.finished_at'), `${direction} NULLS LAST`];
  return [col(`Run.${field}`), direction];
}

/** A page of the runs of all jobs and projects, each with the one that it is of, and how many there are. Without spec and plan, gate and held-out rows, which are large. */
export async function findRuns(search: RunSearch): Promise<{ runs: OwnedRun[]; total: number }> {
  const {
    statuses,
    kind,
    trainingType,
    name,
    search: text,
    ids,
    createdAfter,
    createdBefore,
    completedAfter,
    sort,
    limit,
    offset,
  } = search;
  const conditions: WhereOptions[] = [];
  if (statuses !== undefined) conditions.push({ status: [...statuses] });
  if (kind !== undefined) conditions.push({ [`${kind}_id`]: { [Op.ne]: null } });
  if (trainingType !== undefined) conditions.push(where(TRAINING_TYPE, trainingType));
  if (name !== undefined) conditions.push(where(NAME, holding(name)));
  const matching = text === undefined ? null : found(text, 'run');
  if (matching !== null) conditions.push(matching.where);
  if (ids !== undefined) conditions.push({ id: ids });
  const created = createdWithin(createdAfter, createdBefore);
  if (created !== null) conditions.push(created);
  if (completedAfter !== undefined) conditions.push({ finished_at: { [Op.gt]: new Date(completedAfter) } });
  const asked = { include: OWNERS, where: { [Op.and]: conditions }, subQuery: false } as const;
  if (offset >= FAR_ROWS && sort.field === 'id' && matching === null) {
    const total = await Run.count(asked);
    return { runs: await farPage(asked.where, sort.direction, { total, limit, offset }), total };
  }
  const order: Order = [...(matching?.first ?? []), orderBy(sort), ['id', sort.direction]];
  const { rows, count } = await Run.findAndCountAll({ ...asked, attributes: ATTRIBUTES, order, limit, offset });
  return { runs: await withPlaces(rows.map(owned)), total: count };
}

/** Finds the ids first, without what belongs to the runs before them, and from the end where that is nearer. */
async function farPage(
  where: WhereOptions,
  direction: 'ASC' | 'DESC',
  { total, limit, offset }: { total: number; limit: number; offset: number },
): Promise<OwnedRun[]> {
  const rows = Math.max(0, Math.min(limit, total - offset));
  if (rows === 0) return [];
  const after = total - offset - rows;
  const isFromEnd = after < offset;
  const found = await Run.findAll({
    attributes: ['id'],
    include: OWNERS.map(({ association }) => ({ association, attributes: [] })),
    where,
    order: [['id', (direction === 'ASC') === isFromEnd ? 'DESC' : 'ASC']],
    limit: rows,
    offset: isFromEnd ? after : offset,
    subQuery: false,
  });
  const ids = found.map(({ id }) => id);
  return await readRuns(isFromEnd ? ids.reverse() : ids);
}
