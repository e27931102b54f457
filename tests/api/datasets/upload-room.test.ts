import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir, statfs } from 'node:fs/promises';
import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { KEEP_FREE_BYTES } from '../../../src/platform/files.ts';
import { type ApiOnly, startTestApi } from '../../support/api.ts';
import { startTestDatabase, type TestDatabase } from '../../support/database.ts';
import { until } from '../../support/service.ts';
import { onSmallDisk } from '../../support/small-disk.ts';

const MIB = 1024 ** 2;
const ROOM_BYTES = 40 * MIB;
const HEAD =
  '--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nrows\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="rows.csv"\r\n\r\n';

describe('the room of uploads', function () {
  this.timeout(240_000);
  let database: TestDatabase;
  let api: ApiOnly;
  // Who asks for the connection to be closed, as Node does without one, gets no answer while he still sends.
  const agent = new Agent({ keepAlive: true });

  before(async () => {
    database = await startTestDatabase();
    api = await startTestApi(database);
  });

  after(async () => {
    agent.destroy();
    await api?.close();
    await database?.remove();
  });

  const incoming = () => join(api.env.home, 'uploads', 'incoming');

  function begin(headers: Record<string, string | number> = {}): ClientRequest {
    return request(`${api.url}/api/v1/datasets/`, {
      method: 'POST',
      headers: { 'Content-Type': 'multipart/form-data; boundary=b', ...headers },
      agent,
    }).on('error', () => {});
  }

  async function answerTo(asked: ClientRequest) {
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    return {
      status: response.statusCode,
      headers: response.headers,
      body: (await json(response)) as { detail: string },
    };
  }

  const received = async () => {
    const { items } = (await api.call('GET', '/datasets/uploads')).body as { items: { received_bytes: number }[] };
    return items;
  };

  async function free(): Promise<number> {
    const { bavail, bsize } = await statfs(incoming());
    return bavail * bsize;
  }

  async function nothingIsLeft(): Promise<void> {
    await until('what was received to be removed', async () =>
      (await readdir(incoming())).length === 0 && (await received()).length === 0 ? true : null,
    );
  }

  it('of which nobody says how much it is, ends before what is kept free', async () => {
    // Before, the disk was full to its last byte. Let ReceivedFile (src/api/datasets/received-file.ts) not wait for its room,
    // and it is again.
    await onSmallDisk(incoming(), `${(KEEP_FREE_BYTES + ROOM_BYTES) / 1024}k`, async () => {
      const asked = begin({ 'Transfer-Encoding': 'chunked' });
      const answered = answerTo(asked);
      let leastFree = Number.POSITIVE_INFINITY;
      let isAnswered = false;
      void answered.finally(() => {
        isAnswered = true;
      });
      asked.write(HEAD);
      const piece = Buffer.alloc(MIB, 'x');
      for (let sent = 0; !isAnswered && sent < 10 * ROOM_BYTES; sent += piece.length) {
        if (!asked.write(piece)) await Promise.race([once(asked, 'drain'), answered]);
        leastFree = Math.min(leastFree, await free());
      }
      const { status, body } = await answered;
      assert.equal(status, 507, body.detail);
      assert.ok(leastFree >= KEEP_FREE_BYTES, `${leastFree} bytes were free`);
      assert.ok(leastFree < KEEP_FREE_BYTES + ROOM_BYTES / 2, 'it was taken until then');
      asked.destroy();
      await nothingIsLeft();
    });
  });

  it('is given once: those that together are too much are refused before they are sent', async () => {
    // Before, each of them was compared with the same free bytes. Let DiskRoom.give (src/api/datasets/disk-room.ts) not
    // count what it gave, and all are taken.
    await onSmallDisk(incoming(), `${(KEEP_FREE_BYTES + ROOM_BYTES) / 1024}k`, async () => {
      const asked = Array.from({ length: 5 }, () => begin({ 'Content-Length': 15 * MIB }));
      const refused: number[] = [];
      for (const [i, one] of asked.entries()) {
        void answerTo(one).then(
          ({ status }) => status === 507 && refused.push(i),
          () => {},
        );
        one.write(HEAD);
      }
      await until('each to be taken or refused', async () => {
        const taken = (await received()).filter(({ received_bytes }) => received_bytes > 0);
        return taken.length + refused.length === asked.length ? true : null;
      });
      assert.equal(refused.length, 3);
      const [taken] = asked.filter((_one, i) => !refused.includes(i));
      for (const one of asked) if (one !== taken) one.destroy();
      await until('the others to be gone', async () => ((await received()).length === 1 ? true : null));
      const again = begin({ 'Content-Length': 20 * MIB });
      again.write(HEAD);
      await until('the room of those to be given again', async () => ((await received()).length === 2 ? true : null));
      for (const one of [taken, again]) one?.destroy();
      await nothingIsLeft();
    });
  });

  it('is for so many at once: one more is answered with 503, and taken when another has ended', async () => {
    const asked = Array.from({ length: 32 }, () => begin({ 'Transfer-Encoding': 'chunked' }));
    for (const one of asked) one.write(HEAD);
    await until('all to be received', async () => ((await received()).length === 32 ? true : null));
    const more = begin({ 'Content-Length': 10_000 });
    const answered = answerTo(more);
    more.write(HEAD);
    const { status, headers, body } = await answered;
    assert.deepEqual([status, headers['retry-after']], [503, '5']);
    assert.match(body.detail, /32 uploads are going on already.*Send this one when/);
    asked[0]?.destroy();
    await until('one to end', async () => ((await received()).length === 31 ? true : null));
    const { status: taken } = await api.upload('rows.csv', 'input,output\na,b');
    assert.equal(taken, 201);
    for (const one of [...asked, more]) one.destroy();
    await nothingIsLeft();
  });
});
