import { literal, Op, type Order, type WhereOptions } from 'sequelize';
import type { z } from 'zod';
import { createdWithin, holding } from '../../models/conditions.ts';
import type { RunStatus } from '../../models/runs/statuses.ts';
import { found } from '../../models/search.ts';
import type { searchQuery } from './shared-schema.ts';

/** A list may be sorted by more than all lists can. */
type Search = Omit<z.output<ReturnType<typeof searchQuery>>, 'sort'> & { sort: string };

/** What a list's query asks of the database, beside `conditions` of the resource's own. Rows of the same name or time are in the order of their ids. */
export function searchOf(
  kind: 'dataset' | 'job' | 'project',
  { name, search, ids, created_after, created_before, sort, ...page }: Search,
  ...conditions: WhereOptions[]
): {
  where: WhereOptions;
  order: Order;
  limit: number;
  offset: number;
} {
  const { field, direction } = sortOf(sort);
  const matching = search === undefined ? null : found(search, kind);
  const created = createdWithin(created_after, created_before);
  const where = [...conditions];
  if (matching !== null) where.push(matching.where);
  if (ids !== undefined) where.push({ id: ids });
  if (name !== undefined) where.push({ name: holding(name) });
  if (created !== null) where.push(created);
  return {
    where: { [Op.and]: where },
    order: [
      ...(matching?.first ?? []),
      [field, direction],
      ...(field === 'id' ? [] : [['id', direction] as [string, string]]),
    ],
    ...limitsOf(page),
  };
}

interface Page {
  page: number;
  page_size: number;
}

/** Which rows a page has. */
export function limitsOf({ page, page_size }: Page): { limit: number; offset: number } {
  return { limit: page_size, offset: (page - 1) * page_size };
}

/** By which field, and in which direction: with a minus before its name from the largest down. */
export function sortOf(sort: string): { field: string; direction: 'ASC' | 'DESC' } {
  return { field: sort.replace(/^-/, ''), direction: sort.startsWith('-') ? 'DESC' : 'ASC' };
}

/** A page of a list, and where it lies in it. */
export function pageOf<T>(items: T[], total: number, { page, page_size }: Page) {
  return { items, total, page, page_size, pages: Math.ceil(total / page_size) };
}

/** Of things whose status is that of their latest run; one that was never started is shown as pending. */
export function withStatus(kind: 'job' | 'project', status: RunStatus): WhereOptions {
  const ofRun = { '$latestRun.status$': status };
  if (status !== 'pending') return ofRun;
  // Each half finds its few by an index, which one condition over both tables does not.
  const pending = `SELECT owner.id FROM ${kind}s AS owner JOIN runs ON runs.id = owner.latest_run_id WHERE runs.status = 'pending'
    UNION ALL SELECT id FROM ${kind}s WHERE latest_run_id IS NULL`;
  return { id: { [Op.in]: literal(`(${pending})`) } };
}
