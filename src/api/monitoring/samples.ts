import { Counter, Gauge, type Metric, type Registry } from 'prom-client';

type Labels = Record<string, string | number>;
/** A value for each set of labels; null: it is not known. */
export type Samples = [labels: Labels, value: number | null][];

/** Adds a gauge as it is now. Where nothing is known of it there is no sample, rather than a wrong one. */
export function addGauge(registry: Registry, name: string, help: string, samples: Samples): void {
  const labelNames = [...new Set(samples.flatMap(([labels]) => Object.keys(labels)))];
  const gauge = new Gauge({ name: `mtm_${name}`, help, labelNames, registers: [registry] });
  // Without labels prom-client begins at 0.
  if (labelNames.length === 0) gauge.remove();
  for (const [labels, value] of samples) if (value !== null) gauge.set(labels, value);
}

/** Adds a counter that has come this far: it is kept elsewhere. */
export function addCounter(registry: Registry, name: string, help: string, samples: Samples): void {
  const labelNames = [...new Set(samples.flatMap(([labels]) => Object.keys(labels)))];
  const counter = new Counter({ name: `mtm_${name}`, help, labelNames, registers: [registry] });
  for (const [labels, value] of samples) counter.inc(labels, value ?? 0);
}

/**
 * Adds what this process keeps of itself. As copies: a registry of OpenMetrics takes `_total` from the names of its counters, which a
 * later scrape in the other format would lack then.
 */
export function addOwn(registry: Registry, own: Registry): void {
  for (const metric of own.getMetricsAsArray()) registry.registerMetric(Object.create(metric) as Metric);
}
