import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { execa } from 'execa';
import { parse } from 'yaml';
import { BUILT } from '../../src/built-files.ts';
import { loadEnv, PROJECT_ROOT } from '../../src/env.ts';

interface ComposeService {
  image: string;
  command?: string[];
  environment?: Record<string, string | number>;
  volumes?: string[];
  ports?: string[];
  depends_on?: Record<string, unknown>;
}
interface ComposeFile {
  services: Record<string, ComposeService>;
  volumes: Record<string, unknown>;
}

const read = (name: string) => readFile(join(PROJECT_ROOT, name), 'utf8');

/** As Compose reads it with no variable set: `${NAME:-default}` is the default. */
async function readCompose(name: string): Promise<ComposeFile> {
  const text = (await read(name)).replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1');
  return parse(text, { merge: true }) as ComposeFile;
}

/** No Docker engine is needed to see most of what can be wrong in these files. */
describe('the Compose files', () => {
  let compose: ComposeFile;

  before(async () => {
    compose = await readCompose('docker-compose.yml');
  });

  it('follow the published schema', async () => {
    const schema = JSON.parse(await read('tests/fixtures/compose-spec/compose-spec.json'));
    const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(schema);
    for (const name of ['docker-compose.yml', 'docker-compose.gpu.yml']) {
      assert.ok(validate(await readCompose(name)), `${name}: ${JSON.stringify(validate.errors)}`);
    }
    assert.ok(!validate({ services: { api: { imagee: 'x' } } }), 'the schema refuses what it should');
  });

  it('name only what is there: services, volumes, files, and commands of ours', async () => {
    const { stdout } = await execa('node', [BUILT.main, 'help'], { cwd: PROJECT_ROOT });
    const commands = [...stdout.matchAll(/^ {2}(\w+)/gm)].map((match) => match[1]);
    for (const [name, service] of Object.entries(compose.services)) {
      for (const other of Object.keys(service.depends_on ?? {}))
        assert.ok(other in compose.services, `${name}: ${other}`);
      for (const source of (service.volumes ?? []).map((mount) => mount.split(':')[0] ?? '')) {
        const there = source.startsWith('./') ? existsSync(join(PROJECT_ROOT, source)) : source in compose.volumes;
        assert.ok(there, `${name} mounts ${source}`);
      }
      if (service.image === 'model-training-manager') assert.ok(commands.includes(service.command?.[0]), name);
      else assert.match(service.image, /^[a-z/-]+:\d[\d.]*$/, `${name} pins its image`);
    }
  });

  it('give our processes settings that they read', async () => {
    const inImage = Object.fromEntries(
      [...(await read('Dockerfile')).matchAll(/^(?:ENV| {3}) (\w+)=(\S+)/gm)].map(([, key, value]) => [key, value]),
    );
    const known = await read('src/env.ts');
    const ours = Object.entries(compose.services).filter(([, { image }]) => image === 'model-training-manager');
    assert.deepEqual(
      ours.map(([name]) => name),
      ['migrate', 'api', 'orchestrator', 'host'],
    );
    for (const [name, service] of ours) {
      const given = { ...inImage, ...service.environment } as Record<string, string>;
      for (const key of Object.keys(given)) assert.ok(known.includes(key) || key === 'NODE_ENV', `${name}: ${key}`);
      const env = loadEnv(given);
      assert.equal(env.temporalAddress, 'temporal:7233');
      assert.match(env.databaseUrl ?? '', /@postgres:5432\//);
      const mounts = (service.volumes ?? []).map((mount) => mount.split(':')[1] ?? '');
      for (const dir of [env.home, ...env.outputRoots, env.modelCache]) {
        assert.ok(
          mounts.some((mount) => dir.startsWith(mount)),
          `${name} keeps ${dir} in a volume`,
        );
      }
    }
  });

  it('publish ports on loopback alone', () => {
    for (const { ports = [] } of Object.values(compose.services)) {
      for (const port of ports) assert.match(port, /^127\.0\.0\.1:\d+:\d+$/);
    }
  });

  it('run scripts that a shell can read, from an image that has what is copied', async () => {
    for (const script of ['setup-schema.sh', 'setup-namespace.sh']) {
      await execa('sh', ['-n', join(PROJECT_ROOT, 'temporal', 'server', script)]);
    }
    const allowed: string[] = (await read('.dockerignore')).match(/(?<=^!).+/gm) ?? [];
    const copied = [...(await read('Dockerfile')).matchAll(/^COPY (.+) \S+$/gm)].flatMap((match) =>
      String(match[1]).split(' '),
    );
    for (const source of copied) {
      assert.ok(existsSync(join(PROJECT_ROOT, source)), source);
      assert.ok(allowed.includes(source.split('/')[0] ?? ''), `.dockerignore lets ${source} in`);
    }
  });
});
