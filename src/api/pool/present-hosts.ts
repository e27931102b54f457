import { literal, Op } from 'sequelize';
import { AWAY_MS, Host } from '../../models/pool/host.ts';
import { Worker } from '../../models/pool/worker.ts';
import { slotsOf } from '../../platform/devices.ts';
import { LEAST_FREE_BYTES } from '../../platform/disks.ts';
import { date } from '../http/shared-schema.ts';
import { presentDrain } from './present-drain.ts';

const SHOWN_MS = 24 * 3_600_000;

/** The machines that workers can run on, by name: also those that have none. By the clock of the database. */
export async function presentHosts() {
  const [hosts, workers, processes] = await Promise.all([
    Host.findAll({
      attributes: { include: [[literal(`heartbeat_at > now() - interval '${AWAY_MS} milliseconds'`), 'is_up']] },
      where: literal(`(heartbeat_at > now() - interval '${SHOWN_MS} milliseconds' OR drain IS NOT NULL)`),
      order: ['name'],
    }),
    // As the pool counts them when it gives places: those of a host that is away count for nothing.
    Worker.findAll({ where: { desired: 'running', lost_at: null }, attributes: ['host'] }),
    Worker.findAll({ where: { pid: { [Op.ne]: null }, lost_at: null }, attributes: ['host'] }),
  ]);
  return hosts.map((host) => {
    const taken = workers.filter((worker) => worker.host === host.name).length;
    const free = slotsOf(host.devices) - taken;
    return {
      name: host.name,
      status: host.get('is_up') === true ? ('up' as const) : ('away' as const),
      devices: host.devices,
      workers: taken,
      free_slots: Number.isFinite(free) ? Math.max(0, free) : null,
      disks: (host.memory?.disks ?? []).map((disk) => ({ ...disk, is_short: disk.free_bytes < LEAST_FREE_BYTES })),
      last_report: date(host.heartbeat_at),
      drain: presentDrain(host, !processes.some((worker) => worker.host === host.name)),
    };
  });
}
