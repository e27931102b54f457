import type { Registry } from 'prom-client';
import type { DatabaseFigures } from './figures.ts';
import { addGauge } from './samples.ts';

/** Backups that the service makes by itself; nothing where none are scheduled. */
export function addBackupMetrics(registry: Registry, { backups }: DatabaseFigures): void {
  if (backups === null) return;
  addGauge(
    registry,
    'backup_age_seconds',
    'Age of the last scheduled backup that was verified; without one, since it was asked for',
    [[{}, backups.ageS]],
  );
  addGauge(registry, 'backup_interval_seconds', 'A scheduled backup is to be made so often', [
    [{}, backups.everyHours * 3600],
  ]);
  addGauge(registry, 'backup_failing', 'Whether the last attempt at a scheduled backup failed', [
    [{}, backups.status === 'failing' ? 1 : 0],
  ]);
}
