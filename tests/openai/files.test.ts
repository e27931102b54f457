import assert from 'node:assert/strict';
import { createReadStream } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import OpenAI, { toFile } from 'openai';
import { deleteExpiredFiles } from '../../src/commands/openai/files.ts';
import { Dataset } from '../../src/models/datasets/dataset.ts';
import { OpenAiFile } from '../../src/models/openai/openai-file.ts';
import { type ApiOnly, startTestApi } from '../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../support/database.ts';
import { ensurePythonClient, PYTHON_CLIENTS, runPython } from './clients/python.ts';
import { chat, chats, lines } from './examples.ts';
import { checkedFetch } from './their-schemas.ts';

const KEY = 'a-key-of-the-service';
const ROWS = chats(12);

describe("files for OpenAI's clients", function () {
  this.timeout(120_000);
  let database: TestDatabase;
  let api: ApiOnly;
  let client: OpenAI;

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database, { apiKeys: [KEY] });
    client = new OpenAI({ baseURL: `${api.url}/v1`, apiKey: KEY, maxRetries: 0, fetch: checkedFetch });
  });

  afterEach(async () => {
    for await (const { id } of client.files.list()) await client.files.delete(id);
  });

  after(async () => {
    await api?.close();
    await database?.remove();
  });

  for (const major of PYTHON_CLIENTS) {
    it(`are taken, listed, given back and deleted by the client ${major} for Python`, async () => {
      const seen = await runPython(await ensurePythonClient(major), ['files.py'], { url: api.url, key: KEY });
      const { made, refusals, ...others } = seen as {
        made: string[];
        refusals: Record<string, Record<string, unknown>>;
      };
      for (const id of made) assert.match(id, /^file-[A-Za-z0-9]{24}$/);
      assert.deepEqual(others, {
        names: ['rows.jsonl', 'upload'],
        status: 'processed',
        is_whole: true,
        expires_in: 3600,
        ids: made.toReversed(),
        of_purpose: [made[2]],
        same: true,
        deleted: [true, true, true],
        left: [],
      });
      const summary = Object.entries(refusals).map(([of, { class: name, status, code, param, type }]) => [
        of,
        ...[name, status, code, param, type],
      ]);
      assert.deepEqual(summary, [
        ['purpose', 'BadRequestError', 400, null, 'purpose', 'invalid_request_error'],
        ['unknown', 'NotFoundError', 404, null, null, 'invalid_request_error'],
        ['seconds', 'BadRequestError', 400, null, 'expires_after[seconds]', 'invalid_request_error'],
        ['key', 'AuthenticationError', 401, 'invalid_api_key', null, 'invalid_request_error'],
        ['path', 'NotFoundError', 404, null, null, 'invalid_request_error'],
      ]);
      assert.match(String(refusals.purpose?.message), /purpose is \\?"fine-tuning\\?"/);
    });
  }

  it('are taken from Node whole and as a stream without a length, the file before its purpose, and become datasets', async () => {
    const path = join(database.home, 'rows.jsonl');
    await writeFile(path, ROWS);
    const streamed = await client.files.create({ file: createReadStream(path), purpose: 'fine-tune' });
    const whole = await client.files.create({ purpose: 'fine-tune', file: await toFile(Buffer.from(ROWS), 'a.jsonl') });
    for (const [file, filename] of [
      [streamed, 'rows.jsonl'],
      [whole, 'a.jsonl'],
    ] as const) {
      const { created_at, id, ...rest } = await client.files.retrieve(file.id);
      assert.ok(Number.isInteger(created_at) && Math.abs(created_at - Date.now() / 1000) < 60);
      assert.deepEqual(
        { ...rest },
        {
          object: 'file',
          bytes: ROWS.length,
          filename,
          purpose: 'fine-tune',
          status: 'processed',
          status_details: null,
        },
      );
      assert.equal(await (await client.files.content(id)).text(), ROWS);
      const stored = await OpenAiFile.findByPk(id, { rejectOnEmpty: true });
      const dataset = await Dataset.findByPk(Number(stored.dataset_id), { rejectOnEmpty: true });
      assert.deepEqual([dataset.usable_row_count, dataset.mapping], [12, { messages: 'messages' }]);
      assert.deepEqual(stored.checked, { examples: 12, format: 'chat', fault: null });
    }
    await client.files.delete(whole.id);
    assert.equal(await Dataset.count(), 1, 'what nothing trains on goes with its file');
  });

  it('are listed page by page in both orders, and only what has not expired', async () => {
    const made: string[] = [];
    for (let n = 0; n < 5; n++)
      made.push(
        (await client.files.create({ file: await toFile(Buffer.from('x'), 'x.txt'), purpose: 'user_data' })).id,
      );
    const ids = async (query: OpenAI.FileListParams) => {
      const found: string[] = [];
      for await (const { id } of client.files.list(query)) found.push(id);
      return found;
    };
    assert.deepEqual(await ids({ limit: 2 }), made.toReversed());
    assert.deepEqual(await ids({ limit: 2, order: 'asc' }), made);
    assert.deepEqual(await ids({ limit: 2, purpose: 'fine-tune' }), []);
    await OpenAiFile.update({ expires_at: new Date(0) }, { where: { id: made[4] ?? '' } });
    assert.deepEqual(await ids({}), made.slice(0, 4).toReversed());
    await assert.rejects(client.files.retrieve(made[4] ?? ''), OpenAI.NotFoundError);
    await assert.rejects(ids({ after: 'file-none' }), OpenAI.NotFoundError);
    await assert.rejects(ids({ limit: 0 }), OpenAI.BadRequestError);
  });

  it('leave nothing on the disk once their time has come', async () => {
    const expires_after = { anchor: 'created_at', seconds: 3600 } as const;
    for (const purpose of ['fine-tune', 'user_data'] as const)
      await client.files.create({ file: await toFile(Buffer.from(ROWS), 'rows.jsonl'), purpose, expires_after });
    const onDisk = async () => {
      const names = await Promise.all(['uploads', 'datasets'].map((folder) => readdir(join(database.home, folder))));
      return names.flat().filter((name) => !['incoming', 'unfinished'].includes(name)).length;
    };
    await deleteExpiredFiles(api.env);
    assert.equal(await OpenAiFile.count(), 2);
    const before = await onDisk();
    await OpenAiFile.update({ expires_at: new Date(0) }, { where: {} });
    await deleteExpiredFiles(api.env);
    assert.deepEqual([await OpenAiFile.count(), await Dataset.count()], [0, 0]);
    // Two files as they were sent, and the Parquet and the conversations of one of them.
    assert.ok(before - (await onDisk()) >= 3);
  });

  it('leave their dataset to the job that trains on it when they are deleted', async () => {
    const { id } = await client.files.create({
      file: await toFile(Buffer.from(ROWS), 'r.jsonl'),
      purpose: 'fine-tune',
    });
    const { dataset_id } = await OpenAiFile.findByPk(id, { rejectOnEmpty: true });
    const headers = { Authorization: `Bearer ${KEY}` };
    const job = await api.call('POST', '/jobs/', { name: 'j', dataset_id, model_name: 'none/such' }, headers);
    assert.equal(job.status, 201);
    assert.deepEqual({ ...(await client.files.delete(id)) }, { id, object: 'file', deleted: true });
    await assert.rejects(client.files.content(id), OpenAI.NotFoundError);
    assert.equal((await api.call('GET', `/datasets/${dataset_id}/preview`, undefined, headers)).status, 200);
    await api.call('POST', `/jobs/${job.body.id}/cancel`, undefined, headers);
    await api.call('DELETE', `/jobs/${job.body.id}`, undefined, headers);
    assert.equal((await api.call('DELETE', `/datasets/${dataset_id}`, undefined, headers)).status, 204);
  });

  const FAULTS: [what: string, content: string | Buffer, code: string, message: RegExp][] = [
    ['nothing', '\n\n', 'invalid_training_file', /no examples/],
    ['no JSON', `${ROWS}{"messages": [`, 'invalid_training_file', /^Line 13 is not valid JSON/],
    ['no object', '[1]\n', 'invalid_training_file', /^Line 1 is not a JSON object/],
    ['another form', lines([{ text: 'a' }]), 'invalid_training_file', /^Line 1 has neither "messages"/],
    [
      'two forms',
      lines([chat(1), { prompt: 'a', completion: 'b' }]),
      'invalid_file_format',
      /^Line 2 contains an extra "prompt"/,
    ],
    [
      'a key too many',
      lines([chat(1), { ...chat(2), weight: 1 }]),
      'invalid_file_format',
      /^Line 2 contains an extra "weight"/,
    ],
    [
      'no role',
      lines([{ messages: [{ content: 'a' }] }]),
      'invalid_training_file',
      /^Line 1, message 1: "role" is missing/,
    ],
    [
      'another role',
      lines([{ messages: [{ role: 'bot', content: 'a' }] }]),
      'invalid_training_file',
      /the role "bot" is none of/,
    ],
    [
      'no answer',
      lines([{ messages: [{ role: 'user', content: 'a' }] }]),
      'invalid_training_file',
      /no message of the role assistant/,
    ],
    [
      'no content',
      lines([{ messages: [{ role: 'user', content: null }] }]),
      'invalid_training_file',
      /"content" is neither/,
    ],
    [
      'half a weight',
      lines([{ messages: [{ role: 'assistant', content: 'a', weight: 0.5 }] }]),
      'invalid_training_file',
      /"weight" is 0.5/,
    ],
    ['no UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 'invalid_training_file', /^Line 1 is not UTF-8/],
  ];
  for (const [what, content, code, message] of FAULTS) {
    it(`are taken with ${what} in them, and say so`, async () => {
      const file = await toFile(Buffer.from(content), 'rows.jsonl');
      const { id, status, status_details } = await client.files.create({ file, purpose: 'fine-tune' });
      assert.equal(status, 'processed');
      assert.match(String(status_details), message);
      const { checked, dataset_id } = await OpenAiFile.findByPk(id, { rejectOnEmpty: true });
      assert.deepEqual([checked?.fault?.code, dataset_id], [code, null]);
      assert.deepEqual(Buffer.from(await (await client.files.content(id)).arrayBuffer()), Buffer.from(content));
    });
  }
});
