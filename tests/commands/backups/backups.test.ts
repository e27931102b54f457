import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import pg from 'pg';
import {
  BackupReader,
  backupsIn,
  MANIFEST,
  MANIFEST_SUM,
  partialBackupsIn,
} from '../../../src/commands/backups/manifest.ts';
import { migrate } from '../../../src/models/migrate.ts';
import { MIGRATION_NAMES } from '../../../src/models/migrations.ts';
import { loadEnv } from '../../../src/platform/env.ts';
import { type LocalPostgres, startPostgres } from '../../../src/platform/postgres/postgres.ts';
import { lockHome } from '../../../src/processes/start/home-lock.ts';
import { startService } from '../../../src/processes/start/start.ts';
import { commandLineOf } from '../../support/command-line.ts';
import { until } from '../../support/service.ts';

/** What a path says of another place, in the text and in the JSON of rows. */
const SENTENCE = 'It lay in /elsewhere/uploads.';

describe('backups of a service that is stopped', function () {
  this.timeout(120_000);
  let folder: string;
  let home: string;
  let backups: string;
  let made: Record<string, unknown>;
  /** Of the home, once the backup of the stopped service is made. */
  let server: LocalPostgres;
  let source: pg.Client;
  const dir = () => String(made.folder);
  const mtm = (mtmHome: string, variables = {}) =>
    commandLineOf(folder, { MTM_HOME: mtmHome, MTM_MODEL_ROOTS: '', ...variables });
  const backup = (...options: string[]) => mtm(home, { DATABASE_URL: server.url }).json('backup', backups, ...options);

  /** Does something with the embedded database of a home. */
  const inDatabase = async <T>(mtmHome: string, work: (client: pg.Client, url: string) => Promise<T>): Promise<T> => {
    const server = await startPostgres({ home: mtmHome, port: 0 });
    const client = new pg.Client({ connectionString: server.url });
    try {
      await client.connect();
      return await work(client, server.url);
    } finally {
      await client.end();
      await server.stop();
    }
  };

  /** A database with nothing in it, on the server that the source has. */
  const emptyDatabase = async (name: string) => {
    await source.query(`CREATE DATABASE ${name}`);
    const url = new URL(server.url);
    url.pathname = `/${name}`;
    return { DATABASE_URL: url.href };
  };

  /** The tables as text, in an order of their own. */
  const dump = async (client: pg.Client) => {
    const rows: Record<string, unknown> = {};
    for (const table of ['datasets', 'jobs', 'runs', 'run_events', 'checkpoints', 'training_config'])
      rows[table] = (await client.query(`SELECT (to_jsonb(t) - 'xid')::text FROM ${table} AS t ORDER BY 1`)).rows;
    return JSON.stringify(rows);
  };

  /** A copy of the backup in which something was changed. */
  const changed = async (name: string, change: (copy: string) => Promise<void>) => {
    const copy = join(folder, name);
    await cp(dir(), copy, { recursive: true });
    await change(copy);
    return copy;
  };
  const changeManifest = (copy: string, edit: (manifest: Record<string, unknown>) => void) =>
    readFile(join(copy, MANIFEST), 'utf8').then(async (text) => {
      const manifest = JSON.parse(text) as Record<string, unknown>;
      edit(manifest);
      const edited = JSON.stringify(manifest);
      await writeFile(join(copy, MANIFEST), edited);
      await writeFile(join(copy, MANIFEST_SUM), createHash('sha256').update(edited).digest('hex'));
    });
  const refused = async (from: string, says: RegExp, variables = {}, ...options: string[]) => {
    const target = await mkdtemp(join(folder, 'refused-'));
    const { exitCode, stderr } = await mtm(target, variables).mtm('restore', from, ...options);
    assert.equal(exitCode, 1);
    assert.match(stderr, says);
    // Nothing was written but the lock that kept others away.
    assert.deepEqual(await readdir(target), ['home.lock']);
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mtm-test-backups-'));
    home = join(folder, 'home');
    backups = join(folder, 'backups');
    for (const name of ['uploads', 'datasets', 'outputs/model', 'runs/1/mixture', 'runs/1/logs', 'runs/2/mixture'])
      await mkdir(join(home, name), { recursive: true });
    for (const [name, content] of Object.entries({
      'uploads/rows.csv': 'a,b\n',
      'datasets/rows.parquet': 'PAR1',
      'outputs/model/manifest.json': '{}',
      'runs/1/about.json': '{"id":1}',
      'runs/1/logs/trainer.log': 'not kept',
      'runs/2/about.json': '{"id":2}',
    }))
      await writeFile(join(home, name), content);
    // A whole checkpoint, and one that was being saved.
    const [whole, begun] = [5, 9].map((step) => join(home, 'runs/2/checkpoints/e1', `checkpoint-${step}`)) as [
      string,
      string,
    ];
    for (const checkpoint of [whole, begun]) {
      await mkdir(checkpoint, { recursive: true });
      await writeFile(join(checkpoint, 'weights'), 'weights');
    }
    const sha256 = createHash('sha256').update('weights').digest('hex');
    await writeFile(join(whole, 'manifest.json'), JSON.stringify({ files: { weights: { sha256, bytes: 7 } } }));
    await symlink('model', join(home, 'outputs', 'latest'));
    await symlink('/etc/hostname', join(home, 'outputs', 'model', 'elsewhere'));
    await inDatabase(home, async (client, url) => {
      // As an earlier version left it.
      await migrate(url, '0027-pushed-exports');
      const path = (name: string) => join(home, name);
      await client.query(
        `INSERT INTO datasets (name, filename, file_path, parquet_path, file_type, file_size, row_count, usable_row_count, column_count, columns, sha256, description, created_at, updated_at)
         VALUES ('rows', 'rows.csv', $1, $2, 'csv', 4, 1, 1, 2, '["a"]', repeat('0', 64), $3, now(), now())`,
        [path('uploads/rows.csv'), path('datasets/rows.parquet'), SENTENCE],
      );
      for (const [id, status] of [
        [1, 'completed'],
        [2, 'pending'],
      ] as const) {
        await insert(client, 'jobs', jobRow(id));
        await insert(client, 'runs', runRow(id, status, path('outputs')));
      }
      await insert(client, 'checkpoints', {
        id: 1,
        run_id: 2,
        lease_epoch: 1,
        step: 5,
        epoch: 0,
        path: whole,
        manifest_sha256: sha256,
        bytes: 7,
        state: 'complete',
      });
      // Of a server that has had many more transactions than the next one.
      await client.query(`INSERT INTO run_events (run_id, kind, data, xid) VALUES (1, 'log', '{}', '999999999')`);
      await client.query('UPDATE jobs SET latest_run_id = id');
      await client.query(`SELECT setval(pg_get_serial_sequence('jobs', 'id'), 41)`);
    });
    made = await mtm(home).json('backup', backups);
    server = await startPostgres({ home, port: 0 });
    source = new pg.Client({ connectionString: server.url });
    await source.connect();
  });
  after(async () => {
    await source?.end();
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('comes back in another home as it was, with paths of that home, and is brought to the schema of this version', async () => {
    // Leave moveAll out and paths are the old ones; setval, and the next job has the id 1; putBack, and references are gone.
    const target = join(folder, 'target');
    const { exitCode, stderr } = await mtm(target).mtm('restore', dir());
    assert.equal(exitCode, 0, stderr);
    await migrate(server.url);
    await source.query(`UPDATE runs SET tidied_at = now() WHERE status = 'completed'`);
    const before = await dump(source);
    const withoutTimes = (text: string) =>
      text.replaceAll(/\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d[.\d]*\+\d\d(:\d\d)?/g, 'TIME');
    await inDatabase(target, async (client) => {
      assert.equal(withoutTimes(await dump(client)), withoutTimes(before).replaceAll(`${home}/`, `${target}/`));
      assert.ok((await dump(client)).includes(SENTENCE));
      const { rows } = await client.query(`SELECT nextval(pg_get_serial_sequence('jobs', 'id')) AS id`);
      assert.equal(Number(rows[0].id), 42);
      // Copy the column xid as well and nobody is shown the event for years.
      const shown = await client.query('SELECT 1 FROM run_events WHERE xid < pg_snapshot_xmin(pg_current_snapshot())');
      assert.equal(shown.rowCount, 1);
      await assert.rejects(client.query('DELETE FROM datasets'), /foreign key/);
      await assert.rejects(client.query(`UPDATE runs SET status = 'queued' WHERE id = 1`), /final|completed/i);
    });
    for (const name of [
      'uploads/rows.csv',
      'datasets/rows.parquet',
      'outputs/model/manifest.json',
      'outputs/latest/manifest.json',
      'runs/2/about.json',
      'runs/2/checkpoints/e1/checkpoint-5/weights',
      'runs/2/checkpoints/e1/checkpoint-5/manifest.json',
    ])
      assert.equal(await readFile(join(target, name), 'utf8'), await readFile(join(home, name), 'utf8'), name);
    // Logs are not worth it, and a link is not followed.
    for (const name of ['runs/1/logs', 'outputs/model/elsewhere', 'runs/2/checkpoints/e1/checkpoint-9'])
      await assert.rejects(stat(join(target, name)), /ENOENT/);
    assert.match(String(made.left_out), /outputs\/model\/elsewhere is a link, and was not followed/);
    // There is something now. Leave requireNothingElse out, and it is written over.
    const again = await mtm(target).mtm('restore', dir());
    assert.equal(again.exitCode, 1);
    assert.match(again.stderr, /is not empty: it has runs, uploads, datasets, postgres\./);
  });

  it('leaves nothing that looks whole when it is killed, and finishes a restore that was', async () => {
    // Killed while it reads the database. Let makeBackup begin under the final name, and it looks whole.
    const directory = join(folder, 'killed');
    const reading = await holding(server.url, 'LOCK TABLE votes IN ACCESS EXCLUSIVE MODE');
    const killed = mtm(home, { DATABASE_URL: server.url }).begin('backup', directory);
    await reading.untilSomebodyWaits();
    killed.child.kill('SIGKILL');
    await killed.ended();
    await reading.release();
    assert.deepEqual(await backupsIn(directory), []);
    assert.equal((await partialBackupsIn(directory)).length, 1);
    await mtm(home, { DATABASE_URL: server.url }).json('backup', directory);
    // Take the removal of partial ones out of makeBackup and it is there for ever.
    assert.deepEqual(await partialBackupsIn(directory), []);

    // Killed when all files are there, and no row: the schema is that of the backup, which waits for its tables.
    const target = join(folder, 'half');
    const database = await emptyDatabase('half');
    await migrate(database.DATABASE_URL, '0027-pushed-exports');
    const filling = await holding(database.DATABASE_URL, 'LOCK TABLE votes IN SHARE ROW EXCLUSIVE MODE');
    const halfWay = mtm(target, database).begin('restore', dir());
    await filling.untilSomebodyWaits();
    halfWay.child.kill('SIGKILL');
    await halfWay.ended();
    await filling.release();
    // Take requireRestored out of `mtm migrate` and startService, and the service starts with nothing.
    const env = loadEnv({ ...process.env, MTM_HOME: target, MTM_API_KEYS: '', ...database });
    await assert.rejects(
      startService(env, () => {}),
      /begun to be restored .* Give the same `mtm restore` again/,
    );
    assert.match((await mtm(target, database).mtm('migrate')).stderr, /begun to be restored/);
    const other = await changed('other', (copy) =>
      changeManifest(copy, (manifest) => Object.assign(manifest, { version: '0' })),
    );
    assert.match((await mtm(target, database).mtm('restore', other)).stderr, /Another backup was begun to be restored/);
    await mtm(target, database).json('restore', dir());
    assert.ok(!(await readdir(target)).includes('restoring.json'));
    const client = new pg.Client({ connectionString: database.DATABASE_URL });
    await client.connect();
    assert.equal((await client.query('SELECT 1 FROM runs')).rowCount, 2);
    await client.end();
  });

  it('is refused as a whole where it is damaged, of a later version, or leads elsewhere', async () => {
    // Leave verify out of restoreBackup and what was changed is restored.
    let blob = '';
    for await (const entry of (await BackupReader.open(dir())).files())
      if (entry.path.endsWith('rows.csv') && 'stored' in entry) blob = entry.stored.blob;
    await refused(
      await changed('tampered', (copy) => writeFile(join(copy, blob), 'a,c\n')),
      /uploads\/rows\.csv, is not what was written/,
    );
    await refused(await changed('lacking', (copy) => rm(join(copy, blob))), /uploads\/rows\.csv, is missing/);
    await refused(
      await changed('unsigned', (copy) => writeFile(join(copy, MANIFEST), '{}')),
      /manifest\.json is not what was written/,
    );
    const newer = (copy: string) =>
      changeManifest(copy, (manifest) =>
        Object.assign(manifest, { version: '99.0.0', schema: [...MIGRATION_NAMES, '9999-later'] }),
      );
    await refused(
      await changed('newer', newer),
      /of version 99\.0\.0, .*\(9999-later\)\. Restore it with version 99\.0\.0/,
    );
    const elsewhere = (copy: string) =>
      changeManifest(copy, (manifest) => Object.assign(manifest, { home: '/elsewhere' }));
    await refused(
      await changed('leading-out', elsewhere),
      /would come to lie at .* neither below MTM_HOME nor below MTM_OUTPUT_ROOTS/,
    );
    await refused(join(folder, 'home'), /is no whole backup/);
  });

  it('puts models where an output root is now', async () => {
    const target = join(folder, 'moved');
    const [one, two] = [join(folder, 'one'), join(folder, 'two')];
    const database = await emptyDatabase('moved');
    // With a Temporal that may know what was made after the backup.
    const temporal = { TEMPORAL_ADDRESS: '127.0.0.1:1' };
    const cli = mtm(target, { MTM_OUTPUT_ROOTS: `${one}:${two}`, ...database, ...temporal });
    const wrong = await cli.mtm('restore', dir(), '--output-root', `/never=${two}`);
    assert.match(wrong.stderr, /names \/never, which is no output root of the backup/);
    await cli.json('restore', dir(), '--output-root', `${join(home, 'outputs')}=${two}`);
    assert.equal(await readFile(join(two, 'model', 'manifest.json'), 'utf8'), '{}');
    const client = new pg.Client({ connectionString: database.DATABASE_URL });
    await client.connect();
    const { rows } = await client.query('SELECT output_path FROM runs WHERE id = 1');
    const next = await client.query(`SELECT nextval(pg_get_serial_sequence('jobs', 'id')) AS id`);
    await client.end();
    assert.equal(Number(next.rows[0].id), 10_042);
    assert.equal(rows[0].output_path, join(two, 'model'));
  });

  it('tells nothing but sizes where it is encrypted, and comes back with the key of a reader', async () => {
    // Let #place name encrypted files by their hash and a name tells what is in them; leave seal out of #write, and the rows are readable.
    const identity = await generateX25519Identity();
    const [keyFile, passphraseFile, wrongFile] = [
      join(folder, 'key'),
      join(folder, 'passphrase'),
      join(folder, 'wrong'),
    ];
    await writeFile(keyFile, `# created: today\n${identity}\n`);
    await writeFile(passphraseFile, 'four random words here\n');
    await writeFile(wrongFile, `${await generateX25519Identity()}\n`);
    const nobody = await mtm(home, { DATABASE_URL: server.url }).mtm('backup', backups, '--encrypt-to', 'age1nobody');
    assert.match(nobody.stderr, /--encrypt-to is "age1nobody", which is no recipient of age/);
    const directory = join(folder, 'sealed');
    const sealed = await mtm(home, { DATABASE_URL: server.url }).json(
      'backup',
      directory,
      '--encrypt-to',
      await identityToRecipient(identity),
      '--passphrase-file',
      passphraseFile,
    );
    const at = String(sealed.folder);
    const plain = [home, 'org/model', 'PAR1', 'training_config'];
    for (const entry of await readdir(at, { recursive: true, withFileTypes: true })) {
      assert.ok(!/[0-9a-f]{64}|rows|jobs/.test(entry.name), entry.name);
      if (!entry.isFile()) continue;
      const content = await readFile(join(entry.parentPath, entry.name));
      for (const text of plain) assert.ok(!content.includes(text), `${entry.name} has ${text}`);
    }
    await refused(at, /is encrypted: give --identity FILE or --passphrase-file FILE\./);
    await refused(at, /What was given does not open the backup/, {}, '--identity', wrongFile);
    await refused(dir(), /is not encrypted: leave --identity/, {}, '--identity', keyFile);
    const target = join(folder, 'unsealed');
    await mtm(target, await emptyDatabase('unsealed')).json('restore', at, '--identity', keyFile);
    assert.equal(await readFile(join(target, 'datasets/rows.parquet'), 'utf8'), 'PAR1');
    const byPassphrase = await BackupReader.open(at, { identities: [], passphrase: 'four random words here' });
    assert.equal(byPassphrase.manifest.home, home);
    const torn = join(folder, 'torn');
    await cp(at, torn, { recursive: true });
    const [first = ''] = await readdir(join(torn, 'files'));
    const [name = ''] = await readdir(join(torn, 'files', first));
    const content = await readFile(join(torn, 'files', first, name));
    content.writeUInt8(content.readUInt8(content.length - 1) ^ 1, content.length - 1);
    await writeFile(join(torn, 'files', first, name), content);
    await refused(torn, /The backup is damaged: .* is not what was written/, {}, '--identity', keyFile);
  });

  it('copies what has changed, keeps as many as are wanted, and fails for what is missing', async () => {
    // Take #takeOver out of FileStore and all is copied again.
    const contents = async (which: string) => {
      const inodes = new Map<string, number>();
      for await (const entry of (await BackupReader.open(which)).files())
        if ('stored' in entry) inodes.set(entry.path, (await stat(join(which, entry.stored.blob))).ino);
      return inodes;
    };
    await writeFile(join(home, 'runs/2/about.json'), '{"id":2,"more":true}');
    // As while a service runs: it has the lock of the home, and its database is found by its own files.
    // Let databaseOfHome start one without asking for the lock, and it ends the server of the service.
    const lock = await lockHome(home);
    const next = await mtm(home).json('backup', backups);
    await lock.release();
    assert.equal((await source.query('SELECT 1 AS alive')).rowCount, 1);
    const [before, now] = [await contents(dir()), await contents(String(next.folder))];
    const differ = [...now].filter(([path, ino]) => before.get(path) !== ino).map(([path]) => path);
    assert.deepEqual(differ, [join(home, 'runs/2/about.json')]);
    assert.equal(next.files, made.files);

    await rm(join(home, 'datasets/rows.parquet'));
    // Let takeCheckpoints take what it finds, and a run would go on from its beginning.
    await writeFile(join(home, 'runs/2/checkpoints/e1/checkpoint-5/weights'), 'WEIGHTS');
    const { exitCode, stderr } = await mtm(home, { DATABASE_URL: server.url }).mtm('backup', backups);
    // Let #gone take everything for deleted and the backup is made.
    assert.equal(exitCode, 1);
    assert.match(
      stderr,
      /No backup was made, since the database names what is missing: .*a whole checkpoint of step 5 or later in .*runs\/2\/checkpoints, .*datasets\/rows\.parquet\. Make the backup again/,
    );
    assert.equal((await backupsIn(backups)).length, 2);
    const without = await backup('--allow-missing', '--keep', '2');
    assert.match(String(without.left_out), /datasets\/rows\.parquet: missing, though the database names it/);
    assert.deepEqual(without.removed, [dir().slice(backups.length + 1)]);
    assert.deepEqual(
      await backupsIn(backups),
      [next, without].map((each) => String(each.folder).slice(backups.length + 1)),
    );
  });
});

/** Holds a lock of a table, so that whoever needs it stands still, until `release`. */
async function holding(url: string, lock: string) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(`BEGIN; ${lock}`);
  const waiting = `SELECT 1 FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
  return {
    untilSomebodyWaits: () =>
      until(
        'somebody to wait for the lock',
        async () => ((await client.query(waiting)).rowCount ? true : null),
        60_000,
      ),
    release: () => client.end(),
  };
}

const when = '2026-01-01T00:00:00Z';

function jobRow(id: number) {
  return {
    id,
    name: `job ${id}`,
    dataset_id: 1,
    training_type: 'lora',
    model_name: 'org/model',
    batch_size: 1,
    learning_rate: 0.1,
    epochs: 1,
    lora_r: 1,
    lora_alpha: 1,
    lora_dropout: 0,
    hyperparameters: {},
    created_at: when,
    updated_at: when,
  };
}

function runRow(id: number, status: string, output: string) {
  const ended = status === 'completed' ? { finished_at: when, output_path: join(output, 'model') } : {};
  return {
    id,
    job_id: id,
    number: 1,
    status,
    phase: 'waiting',
    workflow_id: `job-${id}-run-1`,
    spec: { output_directory: output, base_model: 'org/model' },
    created_at: when,
    updated_at: when,
    ...ended,
  };
}

async function insert(client: pg.Client, table: string, row: object): Promise<void> {
  const columns = Object.keys(row);
  const places = columns.map((_, index) => `$${index + 1}`);
  await client.query(
    `INSERT INTO ${table} (${columns.join(', ')}) OVERRIDING SYSTEM VALUE VALUES (${places.join(', ')})`,
    Object.values(row),
  );
}
