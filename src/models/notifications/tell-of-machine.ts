import { QueryTypes, type Transaction } from 'sequelize';
import { type Disk, LEAST_FREE_BYTES } from '../../platform/disks.ts';
import { connection } from '../runs/run.ts';
import { newsOf, type WorkerNews } from './events.ts';
import { tell } from './tell.ts';

/** A disk has room again once it has so much more than the least: one that wavers is not told of again and again. */
const ROOM_AGAIN_BYTES = 1.2 * LEAST_FREE_BYTES;

/** Tells that a worker is gone which nobody asked to stop. */
export async function tellOfLostWorker(worker: WorkerNews, reason: string, transaction: Transaction): Promise<void> {
  const news = () => newsOf(`Training worker ${worker.id} of host ${worker.host} is lost. ${reason}`, { worker });
  await tell({ event: 'worker.lost', news }, transaction);
}

/**
 * Tells of each disk that is short of room, once, until it has had room again. That it was told is a row of the same transaction, so
 * that neither a restart nor a second orchestrator tells it twice.
 */
export async function tellOfDisk(host: string, disk: Disk): Promise<void> {
  if (disk.free_bytes >= LEAST_FREE_BYTES) {
    if (disk.free_bytes >= ROOM_AGAIN_BYTES)
      await connection().query('DELETE FROM notification_disks WHERE path = $1', { bind: [disk.path] });
    return;
  }
  await connection().transaction(async (transaction) => {
    const isNew = await connection().query(
      'INSERT INTO notification_disks (path) VALUES ($1) ON CONFLICT DO NOTHING RETURNING path',
      { bind: [disk.path], type: QueryTypes.SELECT, transaction },
    );
    if (isNew.length === 0) return;
    const { path, holds, bytes, free_bytes } = disk;
    const left = `${gigabytes(free_bytes)} left of ${gigabytes(bytes)}`;
    const sentence = `The disk at ${path} of ${host} has ${left}. Runs pause once it is full; mtm storage says what takes room.`;
    const news = () => newsOf(sentence, { disk: { host, path, holds, bytes, free_bytes } });
    await tell({ event: 'disk.low', news }, transaction);
  });
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
