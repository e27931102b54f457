import { Op, type Order, type WhereOptions } from 'sequelize';
import type { z } from 'zod';
import type { RunStatus } from '../../models/runs/statuses.ts';
import type { searchQuery } from './shared-schema.ts';

type Search = z.output<ReturnType<typeof searchQuery>>;

/** What a list's query asks of the database, beside `conditions` of the resource's own. Rows of the same name or time are in the order of their ids. */
export function searchOf(
  { page, page_size, name, created_after, created_before, sort }: Search,
  ...conditions: WhereOptions[]
): {
  where: WhereOptions;
  order: Order;
  limit: number;
  offset: number;
} {
  const field = sort.replace(/^-/, '');
  const direction = sort.startsWith('-') ? 'DESC' : 'ASC';
  const where = [...conditions];
  if (name !== undefined) where.push({ name: { [Op.iLike]: `%${name.replaceAll(/[\\%_]/g, '\\$&')}%` } });
  if (created_after !== undefined) where.push({ created_at: { [Op.gt]: new Date(created_after) } });
  if (created_before !== undefined) where.push({ created_at: { [Op.lt]: new Date(created_before) } });
  return {
    where: { [Op.and]: where },
    order: [[field, direction], ...(field === 'id' ? [] : [['id', direction] as [string, string]])],
    limit: page_size,
    offset: (page - 1) * page_size,
  };
}

/** Of things whose status is that of their latest run; one that was never started is shown as pending. */
export function withStatus(status: RunStatus): WhereOptions {
  const ofRun = { '$latestRun.status$': status };
  return status === 'pending' ? { [Op.or]: [ofRun, { latest_run_id: null }] } : ofRun;
}
