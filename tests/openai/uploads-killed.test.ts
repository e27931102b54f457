import assert from 'node:assert/strict';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { execa } from 'execa';
import OpenAI, { toFile } from 'openai';
import type { Sequelize } from 'sequelize';
import { sweepFiles } from '../../src/commands/datasets/sweep.ts';
import { tidyUploads } from '../../src/commands/openai/uploads.ts';
import { connectModels } from '../../src/models/database.ts';
import { OpenAiFile } from '../../src/models/openai/openai-file.ts';
import { OpenAiUpload, OpenAiUploadPart } from '../../src/models/openai/openai-upload.ts';
import { processesOf } from '../support/processes.ts';
import { startTestService, type TestService, until } from '../support/service.ts';
import { chats } from './examples.ts';
import { sendHalfPart } from './half-part.ts';
import { tracesIn, waitsForLock } from './traces.ts';

const ROWS = chats(40);
const HALF = Math.floor(ROWS.length / 2);
const TIDIED_UP_WITHIN_MS = 60_000;
/** Of one attempt of the client. */
const ANSWERED_WITHIN_MS = 60_000;

/** The real service, whose API is killed at a chosen moment; the client tries again by itself until it is back. */
describe('uploads in parts whose API is killed', function () {
  this.timeout(180_000);
  let service: TestService;
  let remove: () => Promise<void>;
  let sequelize: Sequelize;
  let client: OpenAI;

  before(async () => {
    ({ service, remove } = await startTestService());
    sequelize = connectModels(service.databaseUrl);
    client = new OpenAI({
      baseURL: `${service.apiUrl}/v1`,
      apiKey: 'any',
      maxRetries: 10,
      timeout: ANSWERED_WITHIN_MS,
    });
  });

  after(async () => {
    await sequelize?.close();
    await remove?.();
  });

  const incoming = () => join(service.env.home, 'uploads', 'incoming');

  const kept = () => tracesIn(service.env.home);

  async function killApi(): Promise<void> {
    const api = (await processesOf(service.env.home)).find(({ command }) => command.trim().endsWith(' api'));
    assert.ok(api);
    process.kill(api.pid, 'SIGKILL');
  }

  const create = () =>
    client.uploads.create({ bytes: ROWS.length, filename: 'rows.jsonl', mime_type: 'a', purpose: 'fine-tune' });

  const send = async (id: string, piece: string) =>
    (await client.uploads.parts.create(id, { data: await toFile(Buffer.from(piece), 'piece') })).id;

  /** An upload with all its parts. */
  async function withParts(): Promise<{ id: string; part_ids: string[] }> {
    const { id } = await create();
    return { id, part_ids: [await send(id, ROWS.slice(0, HALF)), await send(id, ROWS.slice(HALF))] };
  }

  /** One file of all bytes, with its dataset; and once it is deleted, nothing else. */
  async function isOneFile(file: OpenAI.FileObject | null | undefined, before: unknown): Promise<void> {
    assert.ok(file);
    assert.equal(await (await client.files.content(file.id)).text(), ROWS);
    const found = await OpenAiFile.findAll();
    assert.deepEqual(
      found.map(({ id, checked }) => [id, checked?.examples]),
      [[file.id, 40]],
    );
    await client.files.delete(file.id);
    await nothingElseStays(before);
  }

  /** As the API does it when it starts, and every ten minutes. */
  async function nothingElseStays(before: unknown): Promise<void> {
    const tidiedUp = until(
      'the rest to be tidied up',
      async () => {
        await sweepFiles(service.env);
        await tidyUploads(service.env);
        return isDeepStrictEqual(await kept(), before) ? true : null;
      },
      TIDIED_UP_WITHIN_MS,
    );
    // Else with what stays.
    await tidiedUp.catch(async () => assert.deepEqual(await kept(), before));
  }

  const half = (id: string) => sendHalfPart({ url: service.apiUrl, key: 'any', home: service.env.home }, id);

  it('while a part is written take it when it is sent again, and leave nothing of the first one', async () => {
    const before = await kept();
    const { id } = await create();
    const first = await send(id, ROWS.slice(0, HALF));
    await half(id);
    await killApi();
    const second = await send(id, ROWS.slice(HALF));
    await isOneFile((await client.uploads.complete(id, { part_ids: [first, second] })).file, before);
  });

  it('while a part is written leave nothing of it when the upload expires', async () => {
    const before = await kept();
    const { id } = await create();
    await half(id);
    await killApi();
    await OpenAiUpload.update({ expires_at: new Date(0) }, { where: { id } });
    await nothingElseStays(before);
  });

  it('while they are put together are one file when that is asked for again', async () => {
    const before = await kept();
    const { id, part_ids } = await withParts();
    const part = await OpenAiUploadPart.findByPk(part_ids[1] ?? '', { rejectOnEmpty: true });
    // Who reads it waits for who writes it, and nobody does.
    await rename(part.path, `${part.path}.whole`);
    await execa('mkfifo', [part.path]);
    const completing = client.uploads.complete(id, { part_ids });
    await until('the first part to be in the file', async () => {
      const [other] = (await readdir(incoming())).filter((name) => name !== id);
      const [name] = other === undefined ? [] : await readdir(join(incoming(), other));
      if (other === undefined || name === undefined) return null;
      return (await stat(join(incoming(), other, name))).size === HALF ? true : null;
    });
    await killApi();
    await rm(part.path);
    await rename(`${part.path}.whole`, part.path);
    await isOneFile((await completing).file, before);
  });

  it('before the row of their file is committed are one file when that is asked for again', async () => {
    // Hold no note in claimFiles (src/commands/datasets/storage.ts), and the files of the first attempt stay.
    const before = await kept();
    const { id, part_ids } = await withParts();
    const saving = await sequelize.transaction();
    await sequelize.query('LOCK TABLE openai_files IN EXCLUSIVE MODE', { transaction: saving });
    const completing = client.uploads.complete(id, { part_ids });
    await until('it to be saved', () => waitsForLock(sequelize, 'INSERT INTO "openai_files"'));
    await killApi();
    await saving.commit();
    await isOneFile((await completing).file, before);
  });

  it('after the row of their file is committed answer with that file', async () => {
    // Let completeUpload answer only the request that completed it, and the client is told that the upload was completed.
    const before = await kept();
    const { id, part_ids } = await withParts();
    const tidying = await sequelize.transaction();
    await sequelize.query('LOCK TABLE openai_upload_parts IN SHARE MODE', { transaction: tidying });
    const completing = client.uploads.complete(id, { part_ids });
    await until('the parts to be removed', () => waitsForLock(sequelize, 'DELETE FROM "openai_upload_parts"'));
    await killApi();
    await tidying.commit();
    await isOneFile((await completing).file, before);
  });
});
