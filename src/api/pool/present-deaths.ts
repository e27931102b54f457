import { col, fn, Op } from 'sequelize';
import { Worker } from '../../models/pool/worker.ts';
import { date } from '../http/shared-schema.ts';

const SHOWN = 10;

/** Workers that ended without being asked to, or whose host went away, with the reason; the last one first. */
export async function presentDeaths() {
  const workers = await Worker.findAll({
    where: { status: 'error', [Op.or]: [{ stopped_at: { [Op.ne]: null } }, { lost_at: { [Op.ne]: null } }] },
    order: [
      [fn('coalesce', col('lost_at'), col('stopped_at')), 'DESC'],
      ['id', 'ASC'],
    ],
    limit: SHOWN,
  });
  return workers.flatMap(({ id, host, device, reason, lost_at, stopped_at }) => {
    const at = lost_at ?? stopped_at;
    return at === null ? [] : [{ worker_id: id, host, device, at: date(at), reason }];
  });
}
