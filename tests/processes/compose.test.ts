import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { execa } from 'execa';
import { parse } from 'yaml';
import { BUILT } from '../../src/platform/built-files.ts';
import { loadEnv, PROJECT_ROOT } from '../../src/platform/env.ts';
import { findPostgresPackage } from '../../src/platform/postgres/postgres-binaries.ts';
import { ensureTemporalCli } from '../../src/platform/temporal/temporal-cli.ts';
import {
  type ComposeFile,
  type ComposeService,
  readCompose,
  readWith,
  readWithGpu,
  secondsOf,
} from '../support/compose.ts';

const OURS = ['migrate', 'api', 'orchestrator', 'host', 'model'];
const SETTINGS_OF_THE_IMAGE = [
  ...['MTM_HOME', 'MTM_HOST', 'MTM_PORT', 'MTM_PYTHON', 'MTM_EXPORT_PACKAGES', 'MTM_OUTPUT_ROOTS'],
  // Of servers that a container does not start, and of programs that it does not install.
  ...['MTM_POSTGRES_PORT', 'MTM_TEMPORAL_PORT', 'MTM_TEMPORAL_UI_PORT', 'MTM_TOOLS', 'MTM_PIP_ARGS'],
  // Of the command line, which people use from elsewhere.
  ...['MTM_SERVER', 'MTM_API_KEY'],
];

const read = (name: string) => readFile(join(PROJECT_ROOT, name), 'utf8');
const readImageSettings = async () =>
  Object.fromEntries(
    [...(await read('Dockerfile')).matchAll(/^(?:ENV| {3}) (\w+)=(\S+)/gm)].map(([, key, value]) => [key, value]),
  );

/** No Docker engine is needed to see most of what can be wrong in these files. */
describe('the Compose files', function () {
  this.timeout(60_000);
  let compose: ComposeFile;
  let withGpu: ComposeFile;

  before(async () => {
    compose = await readCompose('docker-compose.yml');
    withGpu = await readWithGpu();
  });

  const service = (name: string): ComposeService => {
    const found = compose.services[name];
    assert.ok(found, name);
    return found;
  };

  it('follow the published schema', async () => {
    const schema = JSON.parse(await read('tests/fixtures/compose-spec/compose-spec.json'));
    const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(schema);
    for (const [name, file] of Object.entries({
      'docker-compose.yml': compose,
      'docker-compose.gpu.yml': await readCompose('docker-compose.gpu.yml'),
      both: withGpu,
      'docker-compose.monitoring.yml': await readWith('docker-compose.monitoring.yml'),
    })) {
      assert.ok(validate(file), `${name}: ${JSON.stringify(validate.errors)}`);
    }
    assert.ok(!validate({ services: { api: { imagee: 'x' } } }), 'the schema refuses what it should');
  });

  it('have Prometheus and Grafana read files that are there, from an API that lets them ask', async () => {
    // Leave MTM_ALLOWED_HOSTS out of docker-compose.monitoring.yml, or misspell a path there, and it fails.
    const { services, configs = {} } = await readWith('docker-compose.monitoring.yml', {
      MTM_ALLOWED_HOSTS: 'mtm.example',
      MTM_METRICS_KEY: 'a-key',
    });
    assert.equal(services.api?.environment?.MTM_ALLOWED_HOSTS, 'api,mtm.example');
    assert.equal(configs['prometheus-key']?.content, 'a-key');
    const mounted = [services.prometheus, services.grafana].flatMap((each) => each?.configs ?? []);
    for (const { source } of mounted) {
      const { content, file } = configs[source] ?? assert.fail(source);
      const text = content ?? (await read(file ?? ''));
      assert.ok(parse(text), source);
    }
    const { scrape_configs, rule_files } = parse(await read('docs/monitoring/prometheus.yml'));
    const targets = mounted.map(({ target }) => target);
    assert.deepEqual(scrape_configs[0].static_configs, [{ targets: ['api:8000'] }]);
    for (const path of [...rule_files, scrape_configs[0].authorization.credentials_file])
      assert.ok(targets.includes(path), path);
    for (const name of ['prometheus', 'grafana'])
      for (const port of services[name]?.ports ?? []) assert.match(port, /^127\.0\.0\.1:/);
  });

  it('name only what is there: services, volumes, configs, and commands of ours', async () => {
    const isCommand = async (name = '') =>
      (await execa('node', [BUILT.main, name, '--help'], { cwd: PROJECT_ROOT })).stdout.startsWith(
        `Usage: mtm ${name} `,
      );
    assert.ok(!(await isCommand('hosts')), 'a command that is not there is refused');
    for (const [name, { image, command, entrypoint, depends_on, volumes, configs }] of Object.entries(
      compose.services,
    )) {
      for (const other of Object.keys(depends_on ?? {})) assert.ok(other in compose.services, `${name}: ${other}`);
      for (const { source } of configs ?? []) assert.ok(compose.configs?.[source]?.content, `${name}: ${source}`);
      // A file of ours that is mounted would lack rights under SELinux, and have other line ends on Windows.
      for (const source of (volumes ?? []).map((mount) => mount.split(':')[0] ?? ''))
        assert.ok(source in (compose.volumes ?? {}), `${name} mounts ${source}`);
      if (OURS.includes(name)) assert.ok(await isCommand((entrypoint?.slice(2) ?? command)?.[0]), name);
      else assert.match(image, /^[a-z/-]+:\d+\.\d+(\.\d+)?(-[a-z]+)?$/, `${name} pins its image`);
    }
  });

  it('build an image once, and those for the CPU and for GPUs under names of their own', () => {
    // Put `build` into x-app, as it was once, and every image is built four times at once: the second export fails.
    for (const [file, tag, args] of [
      [compose, 'model-training-manager:cpu', /download\.pytorch\.org\/whl\/cpu$/],
      [withGpu, 'model-training-manager:cuda', /^$/],
    ] as const) {
      const ours = Object.entries(file.services).filter(([, { image }]) => image.startsWith('model-training-manager'));
      assert.deepEqual(ours.map(([name]) => name).sort(), [...OURS].sort());
      for (const [name, { image }] of ours) assert.equal(image, tag, name);
      const built = ours.filter(([, { build }]) => build !== undefined);
      assert.deepEqual(
        built.map(([name]) => name),
        ['migrate'],
      );
      assert.match(built[0]?.[1].build?.args?.MTM_PIP_ARGS ?? 'none', args);
      // The others would be asked for at a registry, which knows nothing of them.
      for (const [name, { build, pull_policy }] of ours) assert.ok(build || pull_policy === 'never', name);
    }
  });

  it('give the host all GPUs, and room for several of them to talk', () => {
    const host = withGpu.services.host;
    assert.ok(host);
    const { shm_size, ulimits, deploy } = host;
    assert.deepEqual([shm_size, ulimits], ['1gb', { memlock: -1 }]);
    const devices = [{ driver: 'nvidia', count: 'all', capabilities: ['gpu'] }];
    assert.deepEqual(deploy, { resources: { reservations: { devices } } });
    assert.deepEqual(host.command, ['host'], 'the rest is as without');
  });

  it('give a CUDA image no arguments that were meant for the CPU', async () => {
    const cpu = { MTM_PIP_ARGS: '--extra-index-url https://download.pytorch.org/whl/cpu' };
    const cuda = '--index-url https://download.pytorch.org/whl/cu126';
    const argsWith = async (variables: Record<string, string>) =>
      (await readWithGpu(variables)).services.migrate?.build?.args?.MTM_PIP_ARGS;
    assert.deepEqual([await argsWith(cpu), await argsWith({ ...cpu, MTM_CUDA_PIP_ARGS: cuda })], ['', cuda]);
  });

  it('run the servers of which the tests speak', async () => {
    const cli = await ensureTemporalCli(loadEnv().toolsDir, () => {});
    const { stdout } = await execa(cli.path, ['--version']);
    const [, server, ui] = /Server ([\d.]+), UI ([\d.]+)/.exec(stdout) ?? [];
    assert.ok(server && ui, stdout);
    assert.deepEqual(
      ['temporal', 'temporal-schema', 'temporal-ui'].map((name) => service(name).image),
      [`temporalio/server:${server}`, `temporalio/admin-tools:${server}`, `temporalio/ui:${ui}`],
    );
    const embeddedPackage = await readFile(join(findPostgresPackage(), 'package.json'), 'utf8');
    const major = /"version": "(\d+)\./.exec(embeddedPackage)?.[1];
    assert.match(service('postgres').image, new RegExp(`^postgres:${major}\\.\\d+-[a-z]+$`));
    // Since 18 the image keeps each major version in a folder of its own below this one.
    assert.deepEqual(service('postgres').volumes, ['postgres:/var/lib/postgresql']);
    const embedded = /--locale=\S+(?=')/.exec(await read('src/platform/postgres/postgres.ts'))?.[0];
    assert.ok(String(service('postgres').environment?.POSTGRES_INITDB_ARGS).includes(String(embedded)), embedded);
  });

  it('give our processes settings that they read, and keep what they write in volumes', async () => {
    const inImage = await readImageSettings();
    const known = await read('src/platform/env-schema.ts');
    // Read by PostgreSQL's client, by Node's ecosystem, by torch, by huggingface_hub, and by the client of S3.
    const ofOthers = [
      ...['PGPASSWORD', 'NODE_ENV', 'TORCHINDUCTOR_CACHE_DIR', 'HF_TOKEN'],
      ...['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_REGION'],
    ];
    for (const name of OURS) {
      const { environment, volumes = [] } = service(name);
      const given = { ...inImage, ...environment } as Record<string, string>;
      for (const key of Object.keys(given)) assert.ok(known.includes(`${key}:`) || ofOthers.includes(key), key);
      const env = loadEnv(given);
      assert.equal(env.temporalAddress, 'temporal:7233');
      assert.match(env.databaseUrl ?? '', /@postgres:5432\//);
      if (name === 'migrate' || name === 'model') continue;
      const mounts = volumes.map((mount) => mount.split(':')[1] ?? '');
      for (const dir of [env.home, ...env.outputRoots, env.modelCache, env.ollamaStore])
        assert.ok(
          mounts.some((mount) => dir.startsWith(mount)),
          `${name} keeps ${dir} in a volume`,
        );
    }
  });

  it('pass on every setting, and none that is not set', async () => {
    // Leave one out of x-app-environment and it is named here, as is a new one of src/platform/env-schema.ts.
    const names = [...(await read('src/platform/env-schema.ts')).matchAll(/^ {2}(MTM_\w+):/gm)].map(([, name]) =>
      String(name),
    );
    assert.ok(names.length > 20);
    const passed = Object.keys(service('host').environment ?? {});
    assert.deepEqual(
      names.filter((name) => !passed.includes(name) && !SETTINGS_OF_THE_IMAGE.includes(name)),
      [],
    );
    const given = { MTM_DEVICES: 'cuda:1', MTM_CHECKPOINT_PERCENT: '7', MTM_STALL_TIMEOUT_MS: '9000' };
    const set = (await readCompose('docker-compose.yml', given)).services.host?.environment as Record<string, string>;
    const env = loadEnv(set);
    assert.deepEqual([env.devices, env.checkpointPercent, env.stallTimeoutMs], [['cuda:1'], 7, 9_000]);
    const unset = loadEnv(service('host').environment as Record<string, string>);
    const { devices, checkpointPercent, maxUploadBytes, trustNetwork } = loadEnv({ MTM_TRUST_NETWORK: 'true' });
    assert.deepEqual(
      [unset.devices, unset.checkpointPercent, unset.maxUploadBytes, unset.trustNetwork],
      [devices, checkpointPercent, maxUploadBytes, trustNetwork],
    );
  });

  it('mount the models of a cache alone, and let nobody change them who fetches, deletes or installs none', async () => {
    const { services } = await readCompose('docker-compose.yml', { HF_HOME: '/home/me/hf', OLLAMA_MODELS: '/o' });
    const models = (name: string) => services[name]?.volumes?.filter((mount) => mount.includes('/models'));
    assert.deepEqual(models('orchestrator'), ['/home/me/hf/hub:/models/hub:ro']);
    for (const name of ['api', 'host', 'model']) assert.deepEqual(models(name), ['/home/me/hf/hub:/models/hub'], name);
    const withToken = Object.keys(services).filter((name) => 'HF_TOKEN' in (services[name]?.environment ?? {}));
    assert.deepEqual(withToken, ['host']);
    assert.ok(services.model?.volumes?.includes('/o:/ollama:ro'));
    assert.ok(service('api').volumes?.includes('hub:/models/hub'), 'a volume, where there is no HF_HOME');
  });

  it('publish ports on loopback alone, each under a number that can be changed', async () => {
    const moved = await readCompose('docker-compose.yml', { MTM_PORT: '9000', MTM_TEMPORAL_UI_PORT: '9001' });
    const portsOf = (file: ComposeFile) => Object.values(file.services).flatMap(({ ports = [] }) => ports);
    assert.deepEqual(portsOf(compose), ['127.0.0.1:8233:8080', '127.0.0.1:8000:8000']);
    assert.deepEqual(portsOf(moved), ['127.0.0.1:9001:8080', '127.0.0.1:9000:8000']);
  });

  it('stop the host only when its trainers have had their time to save', () => {
    const { environment, stop_grace_period } = service('host');
    const env = loadEnv(environment as Record<string, string>);
    // The agent takes up to three seconds more (src/processes/host-agent/host-agent.ts), and ends before it is killed.
    assert.ok(env.stopGraceMs >= 60_000);
    assert.ok(env.stopGraceMs / 1000 + 3 < secondsOf(stop_grace_period), `${env.stopGraceMs} ms, ${stop_grace_period}`);
  });

  it('wait for slow disks, look seldom at what is well, and bound every log', () => {
    for (const [name, { healthcheck, logging }] of Object.entries(compose.services)) {
      assert.deepEqual(logging?.options, { 'max-size': '10m', 'max-file': '3' }, name);
      if (!healthcheck) continue;
      assert.ok(secondsOf(healthcheck.start_period) >= 120, name);
      assert.ok(secondsOf(healthcheck.start_interval) <= 5, name);
      assert.ok(secondsOf(healthcheck.interval) >= 30, name);
    }
    for (const name of ['postgres', 'temporal']) assert.ok(secondsOf(service(name).stop_grace_period) >= 30, name);
  });

  it("have room for everybody's connections", async () => {
    const { command, shm_size } = service('postgres');
    const most = Number(/max_connections=(\d+)/.exec(String(command))?.[1]);
    const { SQL_MAX_CONNS, SQL_VIS_MAX_CONNS } = service('temporal').environment ?? {};
    const ofTemporal = 4 * (Number(SQL_MAX_CONNS) + Number(SQL_VIS_MAX_CONNS));
    const ofUs = Number(/pool: \{ max: (\d+)/.exec(await read('src/models/database.ts'))?.[1]);
    const workers = Math.floor((most - ofTemporal - 3 * ofUs) / ofUs);
    assert.ok(workers >= 8, `API, orchestrator, agent and ${workers} workers`);
    assert.equal(shm_size, '256mb');
  });

  it('set up both databases of Temporal, in the order that its tools want', async () => {
    // The commands are those of the file; only the tool, which is in Temporal's image alone, is one that writes them down.
    const { entrypoint = [], command = [], environment } = service('temporal-schema');
    const folder = await mkdtemp(join(tmpdir(), 'mtm-test-'));
    try {
      const tool = join(folder, 'temporal-sql-tool');
      await writeFile(tool, '#!/bin/sh\necho "$SQL_PASSWORD: $*"\n');
      await chmod(tool, 0o755);
      const env = { PATH: `${folder}:${process.env.PATH}`, ...(environment as Record<string, string>) };
      const [shell = '', ...options] = entrypoint;
      const { stdout } = await execa(shell, [...options, ...command], { env });
      const schema = '/etc/temporal/schema/postgresql/v12';
      const at = 'mtm: --plugin postgres12 --ep postgres -p 5432 -u mtm --db';
      assert.deepEqual(stdout.split('\n'), [
        `${at} temporal create`,
        `${at} temporal setup-schema -v 0.0`,
        `${at} temporal update-schema -d ${schema}/temporal/versioned`,
        `${at} temporal_visibility create`,
        `${at} temporal_visibility setup-schema -v 0.0`,
        `${at} temporal_visibility update-schema -d ${schema}/visibility/versioned`,
      ]);
      await writeFile(tool, '#!/bin/sh\nexit 1\n');
      const failed = await execa(shell, [...options, ...command], { env, reject: false });
      assert.notEqual(failed.exitCode, 0, 'a step that fails is not passed over');
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it("give Temporal's server a configuration that is there and is YAML", () => {
    const { environment, configs } = service('temporal');
    assert.equal(configs?.[0]?.target, environment?.DYNAMIC_CONFIG_FILE_PATH);
    const content = compose.configs?.['temporal-dynamic-config']?.content ?? '';
    assert.deepEqual(parse(content), { 'limit.maxIDLength': [{ value: 255 }] });
  });

  it('come from an image that has what is copied, and no file that may hold a secret', async () => {
    const allowed: string[] = (await read('.dockerignore')).match(/(?<=^!).+/gm) ?? [];
    const dockerfile = await read('Dockerfile');
    const copied = [...dockerfile.matchAll(/^COPY (.+) \S+$/gm)].flatMap((match) => String(match[1]).split(' '));
    for (const source of copied) {
      assert.ok(existsSync(join(PROJECT_ROOT, source)), source);
      assert.ok(allowed.includes(source.split('/')[0] ?? ''), `.dockerignore lets ${source} in`);
    }
    for (const name of ['.npmrc', '.env', '.git', 'data']) assert.ok(!allowed.includes(name), name);
    assert.match(dockerfile, /^FROM node:\d+\.\d+\.\d+-[a-z]+-slim$/m);
  });

  it('are checked out with the line ends of a shell, on every system', async () => {
    const rules = (await read('.gitattributes')).split('\n');
    assert.ok(rules.includes('* text=auto eol=lf'));
    assert.ok(rules.includes('tests/fixtures/** -text'), 'but for what tests need as it is');
  });
});
