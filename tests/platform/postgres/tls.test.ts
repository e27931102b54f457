import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { connectModels } from '../../../src/models/database.ts';
import { migrate } from '../../../src/models/migrate.ts';
import { AgentPlace } from '../../../src/models/pool/agent-place.ts';
import { isDatabaseAway } from '../../../src/platform/postgres/database-away.ts';
import { type LocalPostgres, startPostgres } from '../../../src/platform/postgres/postgres.ts';
import { type Authority, type Certificate, makeAuthority } from '../../support/certificates.ts';

const ENCRYPTED = 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()';

/** A PostgreSQL that takes no connection without TLS, and from the user `bearer` none without a certificate. */
describe('a PostgreSQL with TLS', function () {
  this.timeout(60_000);
  let folder: string;
  let postgres: LocalPostgres;
  let ours: Authority;
  let others: Authority;
  let client: Certificate;

  /** DATABASE_URL with these parameters. */
  const url = (parameters: Record<string, string>, user = 'mtm') => {
    const made = new URL(postgres.url);
    made.username = user;
    for (const [name, value] of Object.entries(parameters)) made.searchParams.set(name, value);
    return made.href;
  };
  const verified = () => ({ sslmode: 'verify-full', sslrootcert: ours.cert });

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mtm-test-'));
    [ours, others] = [await makeAuthority(folder, 'ours'), await makeAuthority(folder, 'others')];
    const server = await ours.sign('server', ['IP:127.0.0.1']);
    client = await ours.sign('bearer');
    postgres = await startPostgres({ home: folder, port: 0 });
    const admin = new pg.Client(postgres.url);
    await admin.connect();
    for (const [name, value] of [
      ['ssl_cert_file', server.cert],
      ['ssl_key_file', server.key],
      ['ssl_ca_file', ours.cert],
      ['ssl', 'on'],
    ])
      await admin.query(`ALTER SYSTEM SET ${name} = ${pg.escapeLiteral(String(value))}`);
    await admin.query(
      `CREATE ROLE bearer LOGIN SUPERUSER PASSWORD ${pg.escapeLiteral(new URL(postgres.url).password)}`,
    );
    const { rows } = await admin.query('SHOW hba_file');
    const everybody = 'hostssl all bearer all scram-sha-256 clientcert=verify-ca\nhostssl all mtm all scram-sha-256\n';
    await writeFile(rows[0].hba_file, everybody);
    await admin.query('SELECT pg_reload_conf()');
    await admin.end();
  });

  after(async () => {
    await postgres?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** What Sequelize, by which all but a few connections are made, says of a URL. */
  const asked = async (databaseUrl: string) => {
    const sequelize = connectModels(databaseUrl);
    try {
      const [rows] = await sequelize.query(ENCRYPTED);
      return rows;
    } finally {
      await sequelize.close();
    }
  };

  it('is reached with TLS by every connection, where DATABASE_URL says so', async () => {
    // Give Sequelize the URL without its parameters in src/platform/postgres/sequelize.ts, and this server refuses it; others would not.
    assert.ok((await migrate(url(verified()))).length > 0);
    assert.deepEqual(await asked(url(verified())), [{ ssl: true }]);
    const place = new AgentPlace(url(verified()), { hostName: 'host', startedAt: new Date() });
    await place.take();
    await place.release();
  });

  it('gets a certificate of ours where it asks for one', async () => {
    const withCertificate = url({ ...verified(), sslcert: client.cert, sslkey: client.key }, 'bearer');
    assert.deepEqual(await asked(withCertificate), [{ ssl: true }]);
    await assert.rejects(asked(url(verified(), 'bearer')), /by DATABASE_URL: .*client certificate.*sslcert=FILE/);
  });

  it('is not believed with a certificate of another authority, or for another name; the error says what to look at', async () => {
    // Leave out explainTls in src/platform/postgres/sequelize.ts or agent-place.ts and nothing names DATABASE_URL.
    const wrong = url({ ...verified(), sslrootcert: others.cert });
    const remedy = new RegExp(
      `by DATABASE_URL: .*signed by the authority of sslrootcert=${others.cert}, not be expired`,
    );
    await assert.rejects(asked(wrong), (error: Error) => remedy.test(error.message) && isDatabaseAway(error));
    await assert.rejects(migrate(wrong), remedy);
    await assert.rejects(new AgentPlace(wrong, { hostName: 'host', startedAt: new Date() }).take(), remedy);
    await assert.rejects(asked(url({ sslmode: 'verify-full' })), /by DATABASE_URL: .*Add sslrootcert=FILE/);
    const byName = new URL(url(verified()));
    byName.hostname = 'localhost';
    await assert.rejects(asked(byName.href), /by DATABASE_URL: .*be for the name in the address/);
  });

  it('refuses who comes without TLS, and the error says how to come with it', async () => {
    await assert.rejects(asked(url({})), /by DATABASE_URL: .*no encryption\. Add sslmode=verify-full/);
  });

  it('is not asked where a file that DATABASE_URL names is not there', () => {
    assert.throws(
      () => connectModels(url({ ...verified(), sslrootcert: '/none/ca.crt' })),
      /DATABASE_URL names the file \/none\/ca\.crt as sslrootcert, and it cannot be read \(ENOENT\)\./,
    );
  });
});
