import assert from 'node:assert/strict';
import { trainerHyperparameters } from '../../../src/models/runs/run-spec.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { buildRun } from '../../support/runs.ts';

describe('the spec of a run', function () {
  this.timeout(30_000);
  let database: TestDatabase;

  before(async () => {
    database = await startTestDatabase();
  });
  after(() => database?.remove());

  it('keeps the day on which the run was asked for, and what is done with what a chat template cannot show', async () => {
    // Without the day, the same spec gives other tokens tomorrow, with templates that print the date.
    const before = new Date().toISOString().slice(0, 10);
    const { spec } = await buildRun(database);
    assert.ok(spec.today && [before, new Date().toISOString().slice(0, 10)].includes(spec.today), spec.today);
    const { reasoning, tool_calls, on_bad_rows } = trainerHyperparameters(spec, 100);
    assert.deepEqual(
      { reasoning, tool_calls, on_bad_rows },
      { reasoning: 'inline', tool_calls: 'refuse', on_bad_rows: 'refuse' },
    );
  });
});
