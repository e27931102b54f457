#!/usr/bin/env bash
# prom-client 15.1.3 (npm): a counter that is registered in two registries, one for each format of Prometheus.
#
# Guess: to render metrics changes nothing, so each registry tells the counter as it was registered, in its own format.
# Behaviour: the registry of OpenMetrics takes `_total` from `metric.name` of the counter itself. From then on the text of the other registry
# has it without `_total`. A Prometheus, which asks for OpenMetrics, renames the counters of everybody who asks for text.
#
# Output seen:
#   before: # TYPE jobs_total counter
#   after:  # TYPE jobs counter
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund prom-client@15.1.3 >/dev/null
cat > look.cjs <<'JS'
const { Counter, Registry } = require('prom-client');
const text = new Registry();
const open = new Registry(Registry.OPENMETRICS_CONTENT_TYPE);
new Counter({ name: 'jobs_total', help: 'Jobs', registers: [text, open] }).inc();
const typeLine = async () => (await text.metrics()).split('\n').find((line) => line.startsWith('# TYPE'));
(async () => {
  const before = await typeLine();
  await open.metrics();
  const after = await typeLine();
  console.log(`before: ${before}\nafter:  ${after}`);
  process.exit(before === '# TYPE jobs_total counter' && after === '# TYPE jobs counter' ? 0 : 1);
})();
JS
node look.cjs
