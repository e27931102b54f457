import type { Registry } from 'prom-client';
import { COUNTERS, type CounterName, FROM_THE_BEGINNING } from '../../models/monitoring/counted-events.ts';
import { addBackupMetrics } from './backup-metrics.ts';
import type { DatabaseFigures, Figures } from './figures.ts';
import { addPoolMetrics } from './pool-metrics.ts';
import { addRunMetrics } from './run-metrics.ts';
import { addCounter, addGauge, type Samples } from './samples.ts';

/** What all processes together do, from the database. */
export function addFigures(registry: Registry, { isTemporalUp, database }: Figures): void {
  addGauge(registry, 'up', 'Whether a part that the API needs answers it', [
    [{ component: 'database' }, database === null ? 0 : 1],
    [{ component: 'temporal' }, isTemporalUp ? 1 : 0],
  ]);
  if (database === null) return;
  addCounts(registry, database);
  addRunMetrics(registry, database);
  addPoolMetrics(registry, database);
  addBackupMetrics(registry, database);
}

function addCounts(registry: Registry, { counts }: DatabaseFigures): void {
  for (const [name, help] of Object.entries(COUNTERS) as [CounterName, string][]) {
    const begun = FROM_THE_BEGINNING.filter((each) => each.name === name).map(({ labels }): Samples[0] => [labels, 0]);
    const counted = counts.filter((each) => each.name === name).map(({ labels, by }): Samples[0] => [labels, by]);
    addCounter(registry, name, help, [...begun, ...counted]);
  }
}
