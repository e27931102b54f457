import assert from 'node:assert/strict';
import { readAudit } from '../../src/models/audit/read-audit.ts';
import { UserError } from '../../src/platform/failure.ts';
import { auditedLocally } from '../../src/processes/local-audit.ts';
import { startTestDatabase, type TestDatabase } from '../support/database.ts';

describe('what a command changes past the API', () => {
  let database: TestDatabase;
  before(async () => {
    database = await startTestDatabase();
  });
  after(() => database?.remove());

  it('is in the audit list with its end, also where it is refused', async () => {
    // Begin the row behind `work`, and what is read inside has none yet.
    const change = { command: 'mtm key add --local', kind: 'key', id: null, changes: 'name: anna' };
    const shown = async () =>
      (await readAudit({}, 10)).rows.map((row) => [row.key_name, row.route, row.entity_id, row.outcome]);
    const during = await auditedLocally(change, async () => ({ id: 7, name: 'anna', rows: await shown() }));
    assert.deepEqual(during.rows, [['(local)', 'mtm key add --local', null, 'unknown']]);
    assert.deepEqual(await shown(), [['(local)', 'mtm key add --local', '7', 'done']]);
    const refused = auditedLocally(change, async () => {
      throw new UserError('no');
    });
    await assert.rejects(refused, UserError);
    assert.equal((await shown())[0]?.[3], 'refused');
  });
});
