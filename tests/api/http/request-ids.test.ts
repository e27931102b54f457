import assert from 'node:assert/strict';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { captureLog } from '../../support/log-lines.ts';
import { csvRows } from '../../support/rows.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

describe('the name of a request', function () {
  this.timeout(60_000);
  const { logger, lines } = captureLog();
  let database: TestDatabase;
  let api: ApiOnly;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database, {}, { logger });
  });
  after(async () => {
    await api?.close();
    await database?.remove();
  });

  const nameOf = async (headers: Record<string, string>) =>
    (await fetch(`${api.url}/api/v1/jobs/4711`, { headers })).headers.get('X-Request-Id');

  it("is its sender's where that is well-formed, else one of the service's", async () => {
    // Take any X-Request-Id in request-id.ts, or none, and it fails.
    assert.equal(await nameOf({ 'X-Request-Id': 'order-17.a:b' }), 'order-17.a:b');
    assert.equal(await nameOf({ traceparent: `00-${TRACE}-00f067aa0ba902b7-01` }), TRACE);
    const both = { 'X-Request-Id': 'mine', traceparent: `00-${TRACE}-00f067aa0ba902b7-01` };
    assert.equal(await nameOf(both), 'mine');
    const made = /^req_[0-9a-f]{32}$/;
    for (const headers of [
      {},
      { 'X-Request-Id': 'two words' },
      { 'X-Request-Id': '{"level":60}' },
      { 'X-Request-Id': 'x'.repeat(129) },
      { traceparent: `00-${'0'.repeat(32)}-00f067aa0ba902b7-01` },
      { traceparent: `00-${TRACE.toUpperCase()}-00f067aa0ba902b7-01` },
    ])
      assert.match((await nameOf(headers as Record<string, string>)) ?? '', made, JSON.stringify(headers));
  });

  it('is in the log, with what the request made, and so are the ids by which other processes tell of that', async () => {
    const { body: dataset } = await api.upload('rows.csv', csvRows(3), {}, { 'X-Request-Id': 'the-upload' });
    const asked = { name: 'job', dataset_id: dataset.id, model_name: 'none/such' };
    const { body: job } = await api.call('POST', '/jobs/', asked, { 'X-Request-Id': 'the-job' });
    await api.call('POST', `/jobs/${job.id}/cancel`, undefined, { 'X-Request-Id': 'the-cancel' });
    await api.call('GET', `/jobs/${job.id}`, undefined, { 'X-Request-Id': 'a-look' });
    const told = lines.flatMap(({ requestId, method, route, params, id, status }) =>
      requestId === undefined ? [] : [{ requestId, method, route, params, id, status }],
    );
    const method = 'POST';
    assert.deepEqual(told, [
      { requestId: 'the-upload', method, route: '/api/v1/datasets/', params: undefined, id: dataset.id, status: 201 },
      { requestId: 'the-job', method, route: '/api/v1/jobs/', params: undefined, id: job.id, status: 201 },
      {
        requestId: 'the-cancel',
        method,
        route: '/api/v1/jobs/{id}/cancel',
        params: { id: job.id },
        id: job.id,
        status: 200,
      },
    ]);
  });
});
