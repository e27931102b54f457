import assert from 'node:assert/strict';
import { readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { settledPool } from '../support/hosts.ts';
import { csvRows } from '../support/rows.ts';
import { startTestService, type TestService, TINY_MODEL, until } from '../support/service.ts';

interface Version {
  version: number;
  status: string;
  is_latest: boolean;
  is_candidate: boolean;
  model: string;
  gate: {
    verdict: string;
    summary: string;
    current_version: number | null;
    conditions: {
      against: string;
      outcome: string;
      traits: {
        trait: string;
        rows: number;
        difference: { low: number; high: number };
        decided_by: { dataset_id: number; row_number: number; text: string; from: number; to: number }[];
      }[];
    }[];
  };
  promotions: { how: string; reason: string | null }[];
}

const GATE = {
  conditions: [
    { against: 'base', metric: 'loss', better_by: 0.1 },
    { against: 'current', metric: 'loss', no_worse_by: 0.02 },
  ],
};

describe('the gate of a project', function () {
  this.timeout(360_000);
  let service: TestService;
  let remove: () => Promise<void>;
  let id: number;
  let datasetId: number;

  before(async () => {
    ({ service, remove } = await startTestService());
    datasetId = Number((await service.upload('rows.csv', csvRows(200))).body.id);
    await service.call('POST', '/workers/', { action: 'start', worker_count: 1 });
    await settledPool(service, 1);
    const { body } = await service.call('POST', '/projects/', {
      name: 'project',
      base_model: TINY_MODEL,
      training_type: 'standard',
      max_rows: 120,
      output_directory: 'gated',
      batch_size: 8,
      epochs: 2,
      gate: GATE,
      traits: [{ trait_type: 'coding', datasets: [{ dataset_id: datasetId, percentage: 100 }] }],
    });
    id = Number(body.id);
  });
  after(() => remove?.());

  async function trained(learningRate: number): Promise<Record<string, unknown>> {
    // Not chosen by the project: a run takes what the configuration says when it is made.
    await service.call('PATCH', '/config/', { default_learning_rate: learningRate });
    const { body: started } = await service.call('POST', `/projects/${id}/start`);
    return await until('the run to end', async () => {
      const { body } = await service.call('GET', `/projects/${id}`);
      assert.equal(body.run_number, started.run_number);
      return ['completed', 'failed'].includes(String(body.status)) ? body : null;
    });
  }

  const versions = async () => {
    const { body } = await service.call('GET', `/projects/${id}/versions`);
    return body as unknown as { items: Version[]; latest: number | null; candidate: number | null };
  };
  const linked = (number: number) =>
    until(`the link to run ${number}`, async () => {
      const found = await readlink(join(service.env.home, 'outputs', 'gated', 'latest')).catch(() => null);
      return found === `project-${id}-run-${number}` ? true : null;
    });
  const events = async (run: number) =>
    await (await fetch(`${service.apiUrl}/api/v1/projects/${id}/events?run=${run}`)).text();
  const said = async (model: string) => {
    const body = { model, messages: [{ role: 'user', content: 'question 3' }], temperature: 0, max_tokens: 12 };
    const response = await fetch(`${service.apiUrl}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
    const answer = (await response.json()) as {
      choices?: { message: { content: string } }[];
      error?: { code: string };
    };
    return answer.choices?.[0]?.message.content ?? answer.error?.code;
  };

  it('promotes what holds, and that is what is linked', async () => {
    // Leave gateOf out of the run file (src/activities/runs/validate-model.ts), and there is no gate to pass.
    const run = await trained(0.005);
    assert.equal(run.status, 'completed', String(run.error_message));
    const { items, latest, candidate } = await versions();
    assert.deepEqual(
      items.map(({ version, status, is_latest, gate }) => [version, status, is_latest, gate.verdict]),
      [[1, 'passed', true, 'passed']],
      items[0]?.gate.summary,
    );
    assert.deepEqual([latest, candidate], [1, 1]);
    assert.match(await events(1), /event: gate\ndata: {.*"promoted": ?true/);
    await linked(1);
  });

  it('does not promote a regression, and says by how much, on which trait and by which rows', async () => {
    // Let `settle` (src/models/versions/settle.ts) promote whatever completes, and version 2 is served.
    const run = await trained(0.3);
    assert.equal(run.status, 'completed', String(run.error_message));
    const { items, latest, candidate } = await versions();
    const [worse] = items;
    assert.deepEqual([latest, candidate, worse?.status, worse?.gate.verdict], [1, 2, 'failed', 'failed']);
    assert.equal(worse?.gate.current_version, 1);
    const against = worse?.gate.conditions.find((condition) => condition.against === 'current');
    const [trait] = against?.traits ?? [];
    assert.deepEqual([against?.outcome, trait?.trait], ['failed', 'coding']);
    // The same rows were held out from both.
    assert.equal(trait?.rows, 20);
    assert.ok((trait?.difference.low ?? 0) > 0.02);
    const [row] = trait?.decided_by ?? [];
    assert.equal(row?.dataset_id, datasetId);
    assert.ok((row?.to ?? 0) > (row?.from ?? 0));
    const { body: preview } = await service.call(
      'GET',
      `/datasets/${datasetId}/preview?offset=${row?.row_number}&rows=1`,
    );
    const [shown] = preview.rows as { messages: { content: string }[] }[];
    assert.equal(row?.text, shown?.messages[0]?.content);

    assert.match(await events(2), /event: gate\ndata: {.*Not promoted, because: Failed: the loss on each trait/);
    const report = await (await fetch(`${service.apiUrl}/api/v1/projects/${id}/report.md?run=2`)).text();
    assert.match(report, /It fails the gate of its project, and is not promoted/);
    assert.match(report, /coding: row \d+ of dataset/);
    await linked(1);
    assert.equal((await service.call('GET', `/projects/${id}/files`)).body.run_number, 1);
    assert.equal((await service.call('GET', `/projects/${id}/files?run=2`)).body.run_number, 2);
  });

  it('answers by the name of the project with its latest version, and with others by theirs', async () => {
    // Take the newest completed run in runOf (src/commands/openai/models.ts), and the name answers as the candidate does.
    const one = await said(`project-${id}-run-1`);
    const two = await said(`project-${id}-run-2`);
    assert.notEqual(one, two);
    assert.deepEqual([await said(`project-${id}`), await said(`project-${id}:1`)], [one, one]);
    assert.deepEqual([await said(`project-${id}:candidate`), await said(`project-${id}:2`)], [two, two]);
    assert.equal(await said(`project-${id}:3`), 'model_not_found');
    const { data } = (await (await fetch(`${service.apiUrl}/v1/models`)).json()) as { data: { id: string }[] };
    assert.ok(data.some((model) => model.id === `project-${id}`));
  });

  it('is overruled by hand, with a reason, and the version before comes back', async () => {
    // Leave returns_to_id of a roll back as that of any other promotion, and rolling back again goes forward.
    const promoted = await service.call('POST', `/projects/${id}/promote`, { version: 2, reason: 'tried it' });
    assert.deepEqual([promoted.status, promoted.body.status, promoted.body.is_latest], [200, 'promoted', true]);
    assert.equal((promoted.body.gate as { verdict: string }).verdict, 'failed');
    await linked(2);
    assert.equal((await service.call('GET', `/projects/${id}/files`)).body.run_number, 2);
    const again = await service.call('POST', `/projects/${id}/promote`, { version: 2, reason: 'again' });
    assert.deepEqual(
      [again.status, again.body.detail],
      [400, `version is 2, which is the latest of project ${id} already. There is nothing to do.`],
    );
    assert.equal((await service.call('POST', `/projects/${id}/promote`, { version: 9, reason: 'x' })).status, 404);

    const back = await service.call('POST', `/projects/${id}/rollback`, { reason: 'it is bad' });
    assert.deepEqual([back.status, back.body.version], [200, 1]);
    await linked(1);
    const further = await service.call('POST', `/projects/${id}/rollback`, { reason: 'further' });
    assert.deepEqual(
      [further.status, further.body.detail],
      [400, `Project ${id} has no version before 1 to go back to. Promote a version by its number.`],
    );
    const { body } = await service.call('GET', `/projects/${id}/promotions`);
    assert.deepEqual(
      (body.items as { version: number; how: string; reason: string | null }[]).map(({ version, how, reason }) => [
        version,
        how,
        reason,
      ]),
      [
        [1, 'rolled_back', 'it is bad'],
        [2, 'promoted', 'tried it'],
        [1, 'passed', null],
      ],
    );
  });

  it('is refused where it says nothing about models of the project', async () => {
    // Take requireGate out of changeProject, and a gate that can never hold is kept; out of planProject, and a plan promises it.
    const planned = [{ trait_type: 'coding', datasets: [{ dataset_id: datasetId, percentage: 100 }] }];
    for (const [condition, sentence] of [
      [{}, /^gate\.conditions\[0\] has neither no_worse_by nor better_by\. Give one/],
      [{ no_worse_by: 0.1, better_by: 0.1 }, /has both/],
      [{ no_worse_by: 0.1, any_trait: true }, /any_trait is true/],
      [{ no_worse_by: 0.1, traits: ['reasoning'] }, /traits has reasoning, and the project has coding/],
    ] as const) {
      const gate = { conditions: [{ against: 'base', metric: 'loss', ...condition }] };
      for (const { status, body } of [
        await service.call('PATCH', `/projects/${id}`, { gate }),
        await service.call('POST', '/projects/plan', { gate, max_rows: 100, traits: planned }),
      ]) {
        assert.equal(status, 400);
        assert.match(String(body.detail), sentence);
      }
    }
    assert.deepEqual((await service.call('GET', `/projects/${id}`)).body.gate, GATE);
    const { body } = await service.call('PATCH', `/projects/${id}`, { gate: null });
    assert.equal(body.gate, null);
  });
});
