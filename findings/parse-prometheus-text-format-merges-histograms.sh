#!/usr/bin/env bash
# parse-prometheus-text-format 1.1.1 (npm): a histogram that has several sets of labels.
#
# Guess: it gives each set of labels with its own count and buckets, as it does for counters.
# Behaviour: it gives one entry for the whole histogram, without labels, which has the last value of each bucket: what it says of one route
# may be another's. `count` is not there.
#
# Output seen:
#   [{"buckets":{"1":"7","+Inf":"9"}}]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund parse-prometheus-text-format@1.1.1 >/dev/null
cat > look.cjs <<'JS'
const parse = require('parse-prometheus-text-format');
const text = `# HELP took_seconds How long.
# TYPE took_seconds histogram
took_seconds_bucket{le="1",route="/a"} 1
took_seconds_bucket{le="+Inf",route="/a"} 2
took_seconds_sum{route="/a"} 3
took_seconds_count{route="/a"} 2
took_seconds_bucket{le="1",route="/b"} 7
took_seconds_bucket{le="+Inf",route="/b"} 9
took_seconds_sum{route="/b"} 8
took_seconds_count{route="/b"} 9
`;
const [{ metrics }] = parse(text);
console.log(JSON.stringify(metrics));
process.exit(metrics.length === 1 && metrics[0].labels === undefined ? 0 : 1);
JS
node look.cjs
