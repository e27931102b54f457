import { Op, type Order, type WhereOptions } from 'sequelize';
import type { z } from 'zod';
import type { RunStatus } from '../../models/runs/statuses.ts';
import { found } from '../../models/search.ts';
import type { searchQuery } from './shared-schema.ts';

/** A list may be sorted by more than all lists can. */
type Search = Omit<z.output<ReturnType<typeof searchQuery>>, 'sort'> & { sort: string };

/** What a list's query asks of the database, beside `conditions` of the resource's own. Rows of the same name or time are in the order of their ids. */
export function searchOf(
  kind: 'dataset' | 'job' | 'project',
  { page, page_size, name, search, ids, created_after, created_before, sort }: Search,
  ...conditions: WhereOptions[]
): {
  where: WhereOptions;
  order: Order;
  limit: number;
  offset: number;
} {
  const field = sort.replace(/^-/, '');
  const direction = sort.startsWith('-') ? 'DESC' : 'ASC';
  const matching = search === undefined ? null : found(search, kind);
  const where = [...conditions];
  if (matching !== null) where.push(matching.where);
  if (ids !== undefined) where.push({ id: ids });
  if (name !== undefined) where.push({ name: { [Op.iLike]: `%${name.replaceAll(/[\\%_]/g, '\\$&')}%` } });
  if (created_after !== undefined) where.push({ created_at: { [Op.gt]: new Date(created_after) } });
  if (created_before !== undefined) where.push({ created_at: { [Op.lt]: new Date(created_before) } });
  return {
    where: { [Op.and]: where },
    order: [
      ...(matching?.first ?? []),
      [field, direction],
      ...(field === 'id' ? [] : [['id', direction] as [string, string]]),
    ],
    limit: page_size,
    offset: (page - 1) * page_size,
  };
}

/** Of things whose status is that of their latest run; one that was never started is shown as pending. */
export function withStatus(status: RunStatus): WhereOptions {
  const ofRun = { '$latestRun.status$': status };
  return status === 'pending' ? { [Op.or]: [ofRun, { latest_run_id: null }] } : ofRun;
}
