import assert from 'node:assert/strict';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { compactHistories } from '../../../src/platform/temporal/compact.ts';

const MB = 1_000_000;
const python = async (code: string, ...given: string[]) => (await execa('python3', ['-c', code, ...given])).stdout;
const FILL = `
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as d:
    d.execute("PRAGMA journal_mode = wal")
    d.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, b BLOB)")
    d.executemany("INSERT INTO t (b) VALUES (randomblob(?))", [(100_000,)] * int(sys.argv[2]))
    d.execute("DELETE FROM t WHERE n > ?", (int(sys.argv[3]),))
`;
const LOOK = `
import sqlite3, sys
d = sqlite3.connect(sys.argv[1])
print(d.execute("PRAGMA integrity_check").fetchone()[0], d.execute("SELECT count(*) FROM t").fetchone()[0])
`;

describe('the file of the local Temporal server', function () {
  this.timeout(60_000);
  let home: string;
  let file: string;
  let said: string[];

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'mtm-test-'));
    file = join(home, 'temporal.db');
    said = [];
  });
  afterEach(() => rm(home, { recursive: true }));

  const compact = (options: object = {}) =>
    compactHistories(home, (line) => said.push(line), { leastFreeBytes: 5 * MB, ...options });
  const sizeOf = async () => (await stat(file)).size;

  it('gives back what is free, once that is much, and says so before it begins', async () => {
    // Leave VACUUM out of temporal/compact.py, and the file stays as large; leave the share out, and a full one is written anew.
    await compact();
    assert.deepEqual(said, [], 'there is no file yet');
    await python(FILL, file, '200', '40');
    assert.ok((await sizeOf()) > 20 * MB);
    await compact();
    assert.ok((await sizeOf()) < 5 * MB, `${await sizeOf()} bytes`);
    assert.match(
      String(said[0]),
      /^Compacting the histories of workflows: 1[67] MB of 2[01] MB are free\. This takes 60 s/,
    );
    assert.match(String(said[1]), /^The histories of workflows take 5 MB now\.$/);
    assert.equal(await python(LOOK, file), 'ok 40');
    await compact();
    assert.equal(said.length, 2, 'nothing is free any more');
  });

  it('leaves alone a file of which little is free', async () => {
    await python(FILL, file, '300', '230');
    const before = await sizeOf();
    await compact();
    assert.deepEqual([await sizeOf(), said], [before, []]);
  });

  it('is whole after a kill in the middle, and the next start tries again', async () => {
    // Leave `timeout` out of compactHistories, and it goes on to its end.
    await python(FILL, file, '2000', '900');
    await compact({ mostMs: 150 });
    assert.match(String(said.at(-1)), /not compacted in time and are as before: the next start tries again/);
    assert.equal(await python(LOOK, file), 'ok 900');
    await compact();
    assert.match(String(said.at(-1)), /take 9\d MB now/);
    assert.equal(await python(LOOK, file), 'ok 900');
  });

  it('is left alone while somebody writes to it', async () => {
    await python(FILL, file, '200', '40');
    const holder = execa('python3', [
      '-c',
      'import sqlite3, sys; d = sqlite3.connect(sys.argv[1], isolation_level=None); d.execute("BEGIN IMMEDIATE"); print("held", flush=True); sys.stdin.read()',
      file,
    ]);
    try {
      await new Promise((resolve) => holder.stdout?.once('data', resolve));
      await compact();
      assert.match(String(said.at(-1)), /were not compacted \(.*locked\): the file stays as it is/);
    } finally {
      holder.stdin?.end();
      await holder;
    }
    assert.equal(await python(LOOK, file), 'ok 40');
  });
});
