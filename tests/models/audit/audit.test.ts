import assert from 'node:assert/strict';
import { QueryTypes } from 'sequelize';
import { type AuditedRequest, beginAudited, endAudited } from '../../../src/models/audit/audit.ts';
import { type AuditFilter, auditQuery, forgetOldAudit, readAudit } from '../../../src/models/audit/read-audit.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';

let requests = 0;
function asked(fields: Partial<AuditedRequest> = {}): AuditedRequest {
  requests += 1;
  return {
    ...{
      key_id: 1,
      key_name: 'anna',
      role: 'trainer',
      address: '127.0.0.1',
      method: 'PATCH',
      route: '/api/v1/jobs/{id}',
    },
    ...{ entity_kind: 'job', entity_id: '12', changes: '', request_id: `req_${requests}`, status: null },
    ...fields,
  };
}

interface Plan {
  'Node Type': string;
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  'Relation Name'?: string;
  Plans?: Plan[];
}

describe('the audit list', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  before(async () => {
    database = await startTestDatabase();
  });
  after(() => database?.remove());
  const sql = async (text: string) => await database.sequelize.query(text);

  // Take the trigger audit_is_kept out of 0030-audit.ts, or its condition on `OLD.status IS NULL`, and rows can be changed.
  it('takes the end of a request once, and lets nothing else of a row be changed, removed or emptied', async () => {
    const id = await beginAudited(asked(), null);
    for (const change of [
      "key_name = 'ben'",
      "changes = 'nothing'",
      'created_at = now()',
      "entity_id = '13', status = 200, ended_at = now()",
    ])
      await assert.rejects(sql(`UPDATE audit SET ${change} WHERE id = ${id}`), /only added/, change);
    await endAudited({ id, status: 200, replayed: false, entity_id: '99', entity_name: 'A job' }, null);
    const { rows } = await readAudit({ who: 'anna' }, 10);
    assert.deepEqual(
      rows.map(({ outcome, status, entity_id, entity_name }) => [outcome, status, entity_id, entity_name]),
      [['done', 200, '12', 'A job']],
    );
    await assert.rejects(
      endAudited({ id, status: 500, replayed: false, entity_id: null, entity_name: null }, null),
      /only added/,
    );
    for (const statement of [`UPDATE audit SET status = 500 WHERE id = ${id}`, 'DELETE FROM audit', 'TRUNCATE audit'])
      await assert.rejects(sql(statement), /only added/, statement);
  });

  it('forgets what is older than it keeps, in batches, and nothing younger', async () => {
    // Have forgetOldAudit return after its first batch, and some of the old rows are left.
    const young = await beginAudited(asked({ key_name: 'of today' }), null);
    await sql(`INSERT INTO audit (created_at, key_name, address, method, route, entity_kind, changes, request_id, status, ended_at)
      SELECT now() - interval '400 days', 'long ago', '', 'POST', '', 'job', '', 'old_' || n, 200, now() FROM generate_series(1, 25) AS n`);
    assert.equal(await forgetOldAudit(365, 10), 25);
    assert.deepEqual((await readAudit({ who: 'long ago' }, 10)).rows, []);
    const { rows } = await readAudit({ who: 'of today' }, 10);
    assert.deepEqual(
      rows.map(({ id }) => id),
      [young],
    );
  });

  it('reads no more of a large list than a page and what is before its end', async () => {
    // Drop any of the five indexes of 0030-audit.ts, and one of these reads or sorts far more.
    await sql(`INSERT INTO audit (created_at, key_id, key_name, role, address, method, route, entity_kind, entity_id, changes, request_id, status, ended_at)
      SELECT '2020-01-01'::timestamptz + n * interval '1 minute', n % 50, 'key ' || n % 50, 'trainer', '', 'POST', '/api/v1/jobs/',
        CASE WHEN n % 100 = 0 THEN 'sweep' ELSE 'job' END, n % 1000, '', 'many_' || n, CASE WHEN n % 200 = 0 THEN 403 ELSE 200 END, now()
      FROM generate_series(1, 40000) AS n`);
    await sql('ANALYZE audit');
    const middle = new Date('2020-01-15T00:00:00Z');
    const filters: AuditFilter[] = [
      {},
      { who: 'key 7' },
      { who: 'nobody of these' },
      { entity: { kind: 'sweep' } },
      { entity: { kind: 'job', id: '123' } },
      { outcome: 'refused' },
      { since: middle, until: new Date('2020-01-16T00:00:00Z') },
      { until: middle },
      { who: 'key 7', until: middle },
      { before: { at: middle, id: 20_000 } },
      { who: 'key 7', before: { at: middle, id: 20_000 } },
    ];
    for (const filter of filters) {
      const { sql: text, bind } = auditQuery(filter, 51);
      const [{ 'QUERY PLAN': plans }] = (await database.sequelize.query(`EXPLAIN (ANALYZE, FORMAT JSON) ${text}`, {
        bind,
        type: QueryTypes.SELECT,
      })) as [{ 'QUERY PLAN': [{ Plan: Plan }] }];
      const scans = nodesOf(plans[0].Plan).filter((node) => node['Relation Name'] === 'audit');
      const read = scans.reduce(
        (sum, node) => sum + (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'],
        0,
      );
      const shown = JSON.stringify([filter, nodesOf(plans[0].Plan).map((node) => node['Node Type'])]);
      assert.ok(!nodesOf(plans[0].Plan).some((node) => node['Node Type'] === 'Seq Scan'), shown);
      assert.ok(read <= 500, `${read} rows: ${shown}`);
    }
  });
});

function nodesOf(plan: Plan): Plan[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];
}
