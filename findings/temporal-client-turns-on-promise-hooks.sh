#!/usr/bin/env bash
# @temporalio/client 1.24.0 on Node 20.20.2: what one call to Temporal costs everything else in the process.
#
# Guess: a client uses an AsyncLocalStorage where its user asks for one, in withDeadline, withMetadata and withAbortSignal.
# Behaviour: every call whose request names a namespace, and so nearly every call there is, enters one by itself, to send the namespace as metadata. From the
# first entry on, Node 20 calls hooks for every promise of the process: an HTTP server that looks once at its Temporal answers each later request, also
# those that have nothing to do with Temporal, more slowly until it ends. A call without a namespace (getSystemInfo) enters none.
#
# Output seen:
#   getSystemInfo: entered 0 times
#   describeNamespace: entered 1 time
#   two million awaits take 3.2 times as long as before
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo "{}" > package.json
npm install --silent --no-audit --no-fund @temporalio/client@1.24.0 > npm.log
cat > look.mjs <<'JS'
import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { Connection } from '@temporalio/client';

let entered = 0;
const { run } = AsyncLocalStorage.prototype;
AsyncLocalStorage.prototype.run = function (...args) {
  entered++;
  return run.apply(this, args);
};

async function awaits() {
  const from = performance.now();
  for (let i = 0; i < 2_000_000; i++) await null;
  return performance.now() - from;
}

await awaits();
const before = await awaits();

// Nobody listens there: how a call begins is what counts.
const { workflowService } = Connection.lazy({ address: '127.0.0.1:9' });
workflowService.getSystemInfo({}).catch(() => {});
console.log(`getSystemInfo: entered ${entered} times`);
assert.equal(entered, 0);
workflowService.describeNamespace({ namespace: 'default' }).catch(() => {});
console.log(`describeNamespace: entered ${entered} time`);
assert.equal(entered, 1);

const after = await awaits();
console.log(`two million awaits take ${(after / before).toFixed(1)} times as long as before`);
// Later versions keep the context of a promise in another way.
if (process.versions.node.startsWith("20.")) assert.ok(after > 1.2 * before);
process.exit(0);
JS
node look.mjs
