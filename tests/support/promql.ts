import assert from 'node:assert/strict';
import { parser } from '@prometheus-io/lezer-promql';

/** The metrics that an expression reads, by Prometheus' own grammar. @throws AssertionError unless it is PromQL */
export function metricsIn(promql: string): string[] {
  const names: string[] = [];
  parser.parse(promql).iterate({
    enter: (node) => {
      assert.ok(!node.type.isError, `No PromQL at ${node.from}: ${promql}`);
      if (node.name === 'Identifier') names.push(promql.slice(node.from, node.to));
    },
  });
  assert.ok(names.length > 0, `It reads no metric: ${promql}`);
  return names;
}
