import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from '@temporalio/worker';
import { BUILT } from '../../src/platform/built-files.ts';
import { PROJECT_ROOT } from '../../src/platform/env.ts';
import { createLogger } from '../../src/platform/logger.ts';
import { installTemporalLogger } from '../../src/platform/temporal/temporal-logger.ts';

const DIR = join(PROJECT_ROOT, 'tests', 'workflows', 'histories');

/** Each history is that of a workflow as it once ran; today's code must make the same decisions (see docs/architecture/upgrades.md). */
describe('workflows of the past', function () {
  this.timeout(120_000);

  before(() => installTemporalLogger(createLogger('replay', 'warn')));

  it('replay on today’s code', async () => {
    // Take queueRun out of src/workflows/runs/training.ts and most of them do not.
    const names = await readdir(DIR);
    assert.ok(names.length >= 17, 'there are stored histories');
    const histories = await Promise.all(
      names.map(async (name) => ({
        workflowId: name.replace('.json', ''),
        history: JSON.parse(await readFile(join(DIR, name), 'utf8')) as object,
      })),
    );
    const workflowBundle = { codePath: BUILT.workflows };
    const replayed: string[] = [];
    for await (const { workflowId, error } of Worker.runReplayHistories({ workflowBundle }, histories)) {
      assert.equal(error, undefined, `${workflowId}: ${error?.message}`);
      replayed.push(workflowId);
    }
    assert.equal(replayed.length, names.length);
  });
});
