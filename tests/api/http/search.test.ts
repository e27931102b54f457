import assert from 'node:assert/strict';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { buildDataset, startTestDatabase, type TestDatabase } from '../../support/database.ts';

type Found = { id: number; name?: string; owner?: { name: string } }[];

/** Leave `first` out of an order in list-query.ts, or `trainsOn` out of src/models/search.ts, and one of these fails. */
describe('the search of lists', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let api: ApiOnly;
  const ids: Record<'legal' | 'chats', number> = { legal: 0, chats: 0 };

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database);
    for (const name of ['legal', 'chats'] as const) {
      const dataset = await buildDataset();
      await dataset.update({ name: `${name} of 2024`, filename: `${name}.jsonl` });
      ids[name] = dataset.id;
    }
    const jobs = [
      ['Support tone', 'acme/llama-3b', ids.chats],
      ['Summaries', 'acme/llama-3b', ids.legal],
      ["50%_o'clock \\ 3", 'other/qwen', ids.chats],
      ['last', 'other/qwen', ids.chats],
    ] as const;
    for (const [name, model_name, dataset_id] of jobs)
      assert.equal((await api.call('POST', '/jobs/', { name, model_name, dataset_id })).status, 201);
    const traits = [{ trait_type: 'coding', datasets: [{ dataset_id: ids.legal, percentage: 100 }] }];
    const project = { name: 'Never started', base_model: 'acme/llama-8b', output_directory: 'p', traits };
    assert.equal((await api.call('POST', '/projects/', project)).status, 201);
  });

  after(async () => {
    await api?.close();
    await database?.remove();
  });

  async function list(kind: string, query: Record<string, string>): Promise<string[]> {
    const { status, body } = await api.call('GET', `/${kind}/?${new URLSearchParams(query)}`);
    assert.equal(status, 200, JSON.stringify(body));
    return (body.items as Found).map(({ id, name, owner }) => name ?? owner?.name ?? String(id));
  }
  const search = (kind: string, text: string) => list(kind, { search: text });

  it('finds jobs, projects and runs by parts of their names, of base models, and of datasets', async () => {
    assert.deepEqual(await search('jobs', 'TONE'), ['Support tone']);
    assert.deepEqual(await search('jobs', 'llama'), ['Summaries', 'Support tone']);
    assert.deepEqual(await search('jobs', 'legal of'), ['Summaries']);
    assert.deepEqual(await search('projects', 'legal'), ['Never started']);
    assert.deepEqual(await search('projects', 'chats'), []);
    assert.deepEqual(await search('runs', 'chats llama'), ['Support tone']);
    assert.deepEqual(await search('datasets', 'legal.jsonl'), ['legal of 2024']);
  });

  it('wants each of the words, and takes them as they are', async () => {
    assert.deepEqual(await search('jobs', ' llama   summ '), ['Summaries']);
    assert.deepEqual(await search('jobs', 'llama qwen'), []);
    for (const word of ['%_', "o'clock", '\\', "50%_o'clock \\ 3"])
      assert.deepEqual(await search('jobs', word), ["50%_o'clock \\ 3"], word);
    assert.deepEqual(await search('jobs', "' OR TRUE --"), []);
  });

  it('puts the one with a number first, by whichever of its names it is asked for', async () => {
    assert.deepEqual(await search('jobs', '3'), ["50%_o'clock \\ 3", 'Summaries', 'Support tone']);
    for (const text of ['2', '#2', 'job 2', 'job-2', 'job-2-run-1'])
      assert.equal((await search('jobs', text))[0], 'Summaries', text);
    assert.equal((await search('runs', 'job-2-run-1'))[0], 'Summaries');
    assert.deepEqual(await search('projects', 'job 2'), []);
    assert.deepEqual(await search('projects', 'project 1'), ['Never started']);
    assert.equal((await search('datasets', `dataset ${ids.chats}`))[0], 'chats of 2024');
    assert.deepEqual(await search('jobs', '9999999999'), []);
  });

  it('refuses more words than it looks for', async () => {
    const { status, body } = await api.call('GET', `/jobs/?search=${'a+'.repeat(11)}`);
    assert.equal(status, 422);
    assert.match(String(body.detail), /must be 1 to 10 words/);
  });

  it('gives those with certain numbers alone, as far as they are there', async () => {
    assert.deepEqual(await list('jobs', { ids: '4,1,77' }), ['last', 'Support tone']);
    assert.deepEqual(await list('jobs', { ids: '1,2', search: 'tone' }), ['Support tone']);
    for (const wrong of ['', 'a', '1,', '99999999999', '3000000000', Array(101).fill(1).join(',')])
      assert.equal((await api.call('GET', `/jobs/?ids=${wrong}`)).status, 422, wrong);
  });

  it('sorts datasets by rows and size as well', async () => {
    await database.sequelize.query(
      `UPDATE datasets SET row_count = 900, file_size = 7000000000 WHERE id = ${ids.legal}`,
    );
    assert.deepEqual(await list('datasets', { sort: '-row_count' }), ['legal of 2024', 'chats of 2024']);
    assert.deepEqual(await list('datasets', { sort: '-file_size' }), ['legal of 2024', 'chats of 2024']);
  });

  it('puts those whose own names have the words before those that train on data of such a name', async () => {
    for (const [name, dataset_id] of [
      ['About legal', ids.chats],
      ['Others', ids.legal],
    ])
      assert.equal((await api.call('POST', '/jobs/', { name, model_name: 'acme/llama-3b', dataset_id })).status, 201);
    for (const kind of ['jobs', 'runs'])
      assert.deepEqual(await search(kind, 'legal'), ['About legal', 'Others', 'Summaries'], kind);
  });
});
