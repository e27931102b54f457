import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { execa } from 'execa';
import OpenAI, { toFile } from 'openai';
import type { Sequelize } from 'sequelize';
import { makeFolders } from '../../src/commands/datasets/storage.ts';
import { sweepFiles } from '../../src/commands/datasets/sweep.ts';
import { tidyUploads } from '../../src/commands/openai/uploads.ts';
import { connectModels } from '../../src/models/database.ts';
import { Dataset } from '../../src/models/datasets/dataset.ts';
import { OpenAiFile } from '../../src/models/openai/openai-file.ts';
import { OpenAiUpload, OpenAiUploadPart } from '../../src/models/openai/openai-upload.ts';
import { KEEP_FREE_BYTES } from '../../src/platform/files.ts';
import { type ApiOnly, startTestApi } from '../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../support/database.ts';
import { LossyProxy } from '../support/lossy-proxy.ts';
import { until } from '../support/service.ts';
import { onSmallDisk } from '../support/small-disk.ts';
import { ensurePythonClient, PYTHON_CLIENTS, runPython } from './clients/python.ts';
import { chats } from './examples.ts';
import { OTHER_HALF, sendHalfPart } from './half-part.ts';
import { tracesIn, waitsForLock } from './traces.ts';

const KEY = 'a-key-of-the-service';
const MIB = 1024 ** 2;
const LIMIT_BYTES = 80 * MIB;
const CONTENT = 'first second third';
const PIECES = ['first ', 'second ', 'third'];
const MD5 = createHash('md5').update(CONTENT).digest('hex');

describe("uploads in parts by OpenAI's clients", function () {
  this.timeout(120_000);
  let database: TestDatabase;
  let proxy: LossyProxy;
  let sequelize: Sequelize;
  let api: ApiOnly;
  let client: OpenAI;

  before(async () => {
    database = await startTestDatabase();
    proxy = await LossyProxy.open(database.url);
    sequelize = connectModels(proxy.urlOf(database.url));
    api = await startTestApi({ ...database, sequelize }, { apiKeys: [KEY], maxUploadBytes: LIMIT_BYTES });
    client = new OpenAI({ baseURL: `${api.url}/v1`, apiKey: KEY, maxRetries: 0 });
  });

  afterEach(async () => {
    for await (const { id } of client.files.list()) await client.files.delete(id);
  });

  after(async () => {
    await api?.close();
    await sequelize?.close();
    await proxy?.close();
    await database?.remove();
  });

  const kept = () => tracesIn(api.env.home);

  const create = (content: string | Buffer, purpose: OpenAI.FilePurpose = 'user_data') =>
    client.uploads.create({
      bytes: Buffer.byteLength(content),
      filename: 'rows.jsonl',
      mime_type: 'text/jsonl',
      purpose,
    });

  const send = async (id: string, piece: string | Buffer) =>
    (await client.uploads.parts.create(id, { data: await toFile(Buffer.from(piece), 'piece') })).id;

  /** An upload of CONTENT with all its parts. */
  async function withParts(): Promise<{ id: string; part_ids: string[] }> {
    const { id } = await create(CONTENT);
    const part_ids: string[] = [];
    for (const piece of PIECES) part_ids.push(await send(id, piece));
    return { id, part_ids };
  }

  const refused = async (asked: Promise<unknown>, param: string | null, message: RegExp) =>
    await assert.rejects(asked, (error: unknown) => {
      assert.ok(error instanceof OpenAI.BadRequestError, String(error));
      assert.match(error.message, message);
      assert.deepEqual([error.type, error.param], ['invalid_request_error', param]);
      return true;
    });

  for (const major of PYTHON_CLIENTS) {
    it(`are taken in chunks by the client ${major} for Python`, async () => {
      const seen = await runPython(await ensurePythonClient(major), ['uploads.py'], { url: api.url, key: KEY });
      assert.deepEqual(seen, {
        statuses: ['pending', 'completed', 'completed', 'cancelled'],
        objects: ['upload', 'upload.part', true, null],
        lives_for: 3600,
        names: ['rows.jsonl', 'notes.txt'],
        purposes: ['fine-tune', 'user_data'],
        same: [true, true],
        is_file: true,
        file_lives_for: 3600,
        once: true,
        listed: true,
        refusals: [
          ['BadRequestError', 400, 'md5'],
          ['BadRequestError', 400, 'part_ids'],
          ['BadRequestError', 400, null],
          ['NotFoundError', 404, null],
          ['BadRequestError', 400, 'purpose'],
        ],
      });
    });
  }

  it('become the file that one request would have made, whatever the order in which their parts came', async () => {
    // Let completions.ts write the parts as they came, and it is another one.
    const rows = chats(40);
    const pieces = Array.from({ length: Math.ceil(rows.length / 100) }, (_, n) => rows.slice(100 * n, 100 * n + 100));
    const { id } = await create(rows, 'fine-tune');
    const part_ids: string[] = [];
    for (const piece of pieces.toReversed()) part_ids.unshift(await send(id, piece));
    await send(id, 'of which no use is made');
    const { file, status } = await client.uploads.complete(id, { part_ids });
    assert.equal(status, 'completed');
    const whole = await client.files.create({
      file: await toFile(Buffer.from(rows), 'rows.jsonl'),
      purpose: 'fine-tune',
    });
    const look = async (fileId: string) => {
      const { id: _id, created_at, ...shown } = await client.files.retrieve(fileId);
      const stored = await OpenAiFile.findByPk(fileId, { rejectOnEmpty: true });
      const dataset = await Dataset.findByPk(Number(stored.dataset_id), { rejectOnEmpty: true });
      const { usable_row_count, mapping, source_sha256, name, notes } = dataset;
      return {
        ...{ shown, content: await (await client.files.content(fileId)).text(), checked: stored.checked },
        ...{ sha256: stored.sha256, extension: stored.path.replace(/.*\./, '') },
        dataset: { usable_row_count, mapping, source_sha256, name, notes },
      };
    };
    assert.deepEqual(await look(file?.id ?? ''), await look(whole.id));
  });

  it('of a file that cannot be trained on are taken, and say why', async () => {
    const { id } = await create(CONTENT, 'fine-tune');
    const { file } = await client.uploads.complete(id, { part_ids: [await send(id, CONTENT)] });
    assert.match(String(file?.status_details), /^Line 1 is not valid JSON/);
  });

  it('are taken with a thousand parts that come at once', async () => {
    // Send them to Uploads.watch without the line in routes.ts, and those beyond 32 are answered with 503.
    const before = await kept();
    const pieces = Array.from({ length: 1000 }, () => randomBytes(2048));
    const whole = Buffer.concat(pieces);
    const { id } = await create(whole);
    const part_ids = await Promise.all(pieces.map((piece) => send(id, piece)));
    assert.equal(new Set(part_ids).size, 1000);
    const md5 = createHash('md5').update(whole).digest('hex');
    const { file } = await client.uploads.complete(id, { part_ids, md5 });
    const content = Buffer.from(await (await client.files.content(file?.id ?? '')).arrayBuffer());
    assert.ok(content.equals(whole));
    await client.files.delete(file?.id ?? '');
    assert.deepEqual(await kept(), before);
  });

  const WRONG: [what: string, (parts: string[]) => OpenAI.UploadCompleteParams, param: string, message: RegExp][] = [
    ['a part missing', ([a, b]) => ({ part_ids: [a ?? '', b ?? ''] }), 'part_ids', /have 13 bytes.*created for 18/],
    ['a part twice', ([a, b, c]) => ({ part_ids: [a, b, c, a].map(String) }), 'part_ids', /has a part twice/],
    [
      'another part',
      ([a, b]) => ({ part_ids: [a, b, 'part_x'].map(String) }),
      'part_ids',
      /"part_x", which is no part/,
    ],
    ['no parts', () => ({ part_ids: [] }), 'part_ids', /have 0 bytes/],
    ['another md5', (part_ids) => ({ part_ids, md5: '0'.repeat(32) }), 'md5', /md5 is 0{32}, and the parts have/],
    ['another order', (parts) => ({ part_ids: parts.toReversed(), md5: MD5 }), 'md5', /Correct the order/],
    ['no md5', (part_ids) => ({ part_ids, md5: 'abc' }), 'md5', /32 hexadecimal digits/],
    ['one text', ([a]) => ({ part_ids: a as unknown as string[] }), 'part_ids', /must be a list/],
  ];
  for (const [what, ask, param, message] of WRONG) {
    it(`are not completed with ${what}, which changes nothing: then they still can be, or leave nothing`, async () => {
      // For "twice": without the look at the set in partsInOrder it is refused for its bytes.
      const before = await kept();
      const [mended, dropped] = [await withParts(), await withParts()];
      const asked = await kept();
      for (const { id, part_ids } of [mended, dropped])
        await refused(client.uploads.complete(id, ask(part_ids)), param, message);
      assert.deepEqual(await kept(), asked);
      await client.uploads.cancel(dropped.id);
      const { id, part_ids } = mended;
      const { file } = await client.uploads.complete(id, { part_ids, md5: MD5.toUpperCase() });
      assert.equal(await (await client.files.content(file?.id ?? '')).text(), CONTENT);
      await client.files.delete(file?.id ?? '');
      assert.deepEqual(await kept(), before);
    });
  }

  const MALFORMED: [what: string, Record<string, unknown>, param: string, message: RegExp][] = [
    ['more than 8 GB', { bytes: 8 * 1024 ** 3 + 1 }, 'bytes', /bytes is 8589934593/],
    [
      'more than the service takes',
      { bytes: LIMIT_BYTES + 1 },
      'bytes',
      /takes 83886080 at most \(MTM_MAX_UPLOAD_BYTES/,
    ],
    ['half a byte', { bytes: 0.5 }, 'bytes', /must be a whole number/],
    ['fewer bytes than none', { bytes: -1 }, 'bytes', /bytes is -1/],
    ['another purpose', { purpose: 'training' }, 'purpose', /purpose is "training"/],
    ['no name', { filename: '/' }, 'filename', /must be a name/],
    ['a NUL in its name', { filename: 'a\0b' }, 'filename', /must be a name/],
    ['no type', { mime_type: undefined }, 'mime_type', /mime_type is required/],
    [
      'too short a life',
      { expires_after: { anchor: 'created_at', seconds: 5 } },
      'expires_after.seconds',
      /at least 3600/,
    ],
    ['a field of its own', { file: 'x' }, 'file', /Unknown body field "file"/],
  ];
  it('are not created with what cannot be', async () => {
    const before = await kept();
    const good = { bytes: 5, filename: 'a', mime_type: 'a', purpose: 'user_data' };
    for (const [what, wrong, param, message] of MALFORMED) {
      const body = { ...good, ...wrong } as unknown as OpenAI.UploadCreateParams;
      await refused(client.uploads.create(body), param, message).catch((error: Error) => {
        throw new Error(`With ${what}: ${error.message}`);
      });
    }
    assert.deepEqual(await kept(), before);
  });

  it('take no part that is too large, has another name, or is none', async () => {
    const { id } = await client.uploads.create({
      bytes: 70 * MIB,
      filename: 'a',
      mime_type: 'a',
      purpose: 'user_data',
    });
    await send(id, Buffer.alloc(64 * MIB));
    const small = await create(CONTENT);
    const asked = await kept();
    const tooLarge = (error: unknown) => error instanceof OpenAI.APIError && error.status === 413;
    await assert.rejects(send(id, Buffer.alloc(64 * MIB + 1)), tooLarge);
    await assert.rejects(send(small.id, `${CONTENT}.`), tooLarge);
    const post = (form: FormData) => {
      const headers = { Authorization: `Bearer ${KEY}` };
      return fetch(`${api.url}/v1/uploads/${small.id}/parts`, { method: 'POST', headers, body: form });
    };
    const forms: [field: string, content: Blob | string, message: RegExp][] = [
      ['file', new Blob(['x']), /Unknown form field \\"file\\" with a file; the file goes into \\"data\\"/],
      ['data', 'x', /data was sent as a text/],
      ['md5', 'x', /data is required/],
    ];
    for (const [field, content, message] of forms) {
      const form = new FormData();
      form.set(field, content);
      const answer = await post(form);
      assert.equal(answer.status, 400);
      assert.match(await answer.text(), message);
    }
    assert.deepEqual(await kept(), asked);
    for (const each of [id, small.id]) await client.uploads.cancel(each);
  });

  const half = async (id: string) => await sendHalfPart({ url: api.url, key: KEY, home: api.env.home }, id);

  it('leave nothing of a part that was broken off', async () => {
    const { id } = await create(CONTENT);
    const asked = await kept();
    (await half(id)).sending.destroy();
    await until('it to be gone', async () => (isDeepStrictEqual(await kept(), asked) ? true : null));
    await client.uploads.cancel(id);
  });

  it('are cancelled, also twice, and then take nothing any more', async () => {
    const before = await kept();
    const { id, part_ids } = await withParts();
    const cancelled = await client.uploads.cancel(id);
    assert.deepEqual([cancelled.status, cancelled.file], ['cancelled', null]);
    assert.deepEqual(await client.uploads.cancel(id), cancelled);
    assert.deepEqual(await kept(), before);
    await refused(send(id, 'x'), null, /was cancelled\. Create another one/);
    await refused(client.uploads.complete(id, { part_ids }), null, /was cancelled/);
    assert.deepEqual(await kept(), before);
    await assert.rejects(client.uploads.cancel('upload_none'), OpenAI.NotFoundError);
  });

  it('that are cancelled while a part is received do not take it', async () => {
    // Without the look at ENOENT in addPart the answer is 500.
    const before = await kept();
    const { id } = await create(CONTENT);
    const { sending, answered } = await half(id);
    await client.uploads.cancel(id);
    sending.end(OTHER_HALF);
    assert.equal(await answered, 400);
    assert.deepEqual(await kept(), before);
  });

  it('that are being cancelled when a part gets its row do not take it', async () => {
    // Leave FOR SHARE out of insertPart and the part does not wait.
    const before = await kept();
    const { id } = await create(CONTENT);
    const cancelling = await sequelize.transaction();
    await OpenAiUpload.update({ status: 'cancelled' }, { where: { id }, transaction: cancelling });
    const sending = refused(send(id, 'x'), null, /was cancelled/);
    await until('the part to wait', () => waitsForLock(sequelize, 'INSERT INTO openai_upload_parts'));
    await cancelling.commit();
    await sending;
    await client.uploads.cancel(id);
    assert.deepEqual(await kept(), before);
  });

  it('expire after an hour, and leave nothing once it is tidied up', async () => {
    const before = await kept();
    const [{ id, part_ids }, empty] = [await withParts(), await create(CONTENT)];
    await OpenAiUpload.update({ expires_at: new Date() }, { where: { id: [id, empty.id] } });
    await refused(send(id, 'x'), null, /has expired: it lives for an hour/);
    await refused(client.uploads.complete(id, { part_ids }), null, /has expired/);
    await refused(client.uploads.cancel(id), null, /has expired/);
    await tidyUploads(api.env);
    assert.deepEqual(await kept(), before);
    await refused(client.uploads.complete(id, { part_ids }), null, /has expired/);
    // What has ended is forgotten after a day.
    await OpenAiUpload.update({ expires_at: new Date(0) }, { where: { id } });
    await tidyUploads(api.env);
    assert.equal(await OpenAiUpload.count({ where: { id } }), 0);
    await assert.rejects(client.uploads.complete(id, { part_ids }), OpenAI.NotFoundError);
  });

  it('do not expire while they are completed', async () => {
    // Leave completing_until out of isOver and its parts are removed meanwhile.
    const { id, part_ids } = await withParts();
    const part = await OpenAiUploadPart.findByPk(part_ids[2] ?? '', { rejectOnEmpty: true });
    // Who reads it waits for who writes it.
    await rm(part.path);
    await execa('mkfifo', [part.path]);
    const completing = client.uploads.complete(id, { part_ids });
    await until('it to begin', async () => (await OpenAiUpload.findByPk(id))?.completing_until);
    await OpenAiUpload.update({ expires_at: new Date(0) }, { where: { id } });
    await tidyUploads(api.env);
    await writeFile(part.path, PIECES[2] ?? '');
    const { file } = await completing;
    assert.equal(await (await client.files.content(file?.id ?? '')).text(), CONTENT);
  });

  it('are one file, however often and however many at once complete them', async () => {
    // Two of one process wait for each other (Completions), two processes for the row of the upload: without the look in completeUpload
    // after a failure the slower one is refused.
    const before = await kept();
    const { id, part_ids } = await withParts();
    const other = await startTestApi(database, { ...api.env, port: 0 });
    const others = new OpenAI({ baseURL: `${other.url}/v1`, apiKey: KEY, maxRetries: 0 });
    try {
      const asked = [client, client, others, others].map((each) => each.uploads.complete(id, { part_ids, md5: MD5 }));
      const answers = await Promise.all(asked);
      answers.push(await client.uploads.complete(id, { part_ids, md5: MD5 }));
      assert.equal(new Set(answers.map(({ file }) => file?.id)).size, 1);
      assert.equal(await OpenAiFile.count(), 1);
      await refused(client.uploads.complete(id, { part_ids }), null, /was completed\. Create another one/);
      await refused(send(id, 'x'), null, /was completed/);
      await refused(client.uploads.cancel(id), null, /was completed/);
      await client.files.delete(answers[0]?.file?.id ?? '');
      await assert.rejects(client.uploads.complete(id, { part_ids, md5: MD5 }), OpenAI.NotFoundError);
      // The slower process leaves its files to the sweeper when it comes too late by a moment.
      await sweepFiles(api.env);
      assert.deepEqual(await kept(), before);
    } finally {
      await other.close();
    }
  });

  it('that are cancelled while they are completed are no file, or a file that was completed before', async () => {
    const before = await kept();
    const { id, part_ids } = await withParts();
    const [completed, cancelled] = await Promise.allSettled([
      client.uploads.complete(id, { part_ids }),
      client.uploads.cancel(id),
    ]);
    const isFile = completed.status === 'fulfilled';
    assert.notEqual(isFile, cancelled.status === 'fulfilled');
    const { status } = await OpenAiUpload.findByPk(id, { rejectOnEmpty: true });
    assert.equal(status, isFile ? 'completed' : 'cancelled');
    assert.equal(await OpenAiFile.count(), isFile ? 1 : 0);
    if (isFile) await client.files.delete(completed.value.file?.id ?? '');
    assert.deepEqual(await kept(), before);
  });

  it('that are cancelled while their file is saved are completed', async () => {
    // Without the lock in saveCompleted the cancellation does not wait.
    const { id, part_ids } = await withParts();
    const saving = await sequelize.transaction();
    await sequelize.query('LOCK TABLE openai_files IN EXCLUSIVE MODE', { transaction: saving });
    const completing = client.uploads.complete(id, { part_ids });
    await until('it to be saved', () => waitsForLock(sequelize, 'INSERT INTO "openai_files"'));
    const cancelling = refused(client.uploads.cancel(id), null, /was completed/);
    await until('the cancellation to wait', () => waitsForLock(sequelize, 'UPDATE "openai_uploads"'));
    await saving.commit();
    assert.equal((await completing).status, 'completed');
    await cancelling;
  });

  it('whose COMMIT is lost are answered with their file', async () => {
    // Without the look in completeUpload after a failure the answer is that it was completed.
    const { id, part_ids } = await withParts();
    proxy.loseCommits();
    const { file } = await client.uploads.complete(id, { part_ids });
    assert.equal(proxy.lostCommits, 1);
    await sweepFiles(api.env);
    assert.equal(await (await client.files.content(file?.id ?? '')).text(), CONTENT);
    await tidyUploads(api.env);
    assert.equal(await OpenAiUploadPart.count({ where: { upload_id: id } }), 0);
  });

  it('are refused before the disk is full, and can be completed once there is room', async () => {
    const sizeFor = (bytes: number) => `${(KEEP_FREE_BYTES + bytes) / 1024}k`;
    await onSmallDisk(join(api.env.home, 'uploads'), sizeFor(20 * MIB), async (disk) => {
      await makeFolders(api.env);
      const isFull = (error: unknown) => error instanceof OpenAI.InternalServerError && error.status === 507;
      const before = await kept();
      await assert.rejects(create(Buffer.alloc(12 * MIB)), isFull, 'its parts and their file are more');
      assert.deepEqual(await kept(), before);
      const content = Buffer.alloc(8 * MIB, 'x');
      const { id } = await create(content);
      const part_ids = [await send(id, content)];
      await disk.resize(sizeFor(12 * MIB));
      const asked = await kept();
      await assert.rejects(client.uploads.complete(id, { part_ids }), isFull);
      await assert.rejects(send(id, content), isFull);
      assert.deepEqual(await kept(), asked);
      await disk.resize(sizeFor(20 * MIB));
      const { file } = await client.uploads.complete(id, { part_ids });
      await client.files.delete(file?.id ?? '');
      assert.deepEqual(await kept(), before);
    });
  });
});
