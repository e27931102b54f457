import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { S3Client } from '@aws-sdk/client-s3';
import type { Env } from '../env.ts';
import { StoreError } from './store-error.ts';

/** Parts of a large file. S3 takes at most 10,000 of them: files of up to 640 GB. */
const PART_BYTES = 64 * 1024 ** 2;
/** Parts that are under way at once, each in memory as a whole. */
const PARTS_AT_ONCE = 2;
/** The SDK's own, for what ends well a second later; whoever calls tries again for as long as it makes sense. */
const ATTEMPTS = 3;
/** What a store answers nothing for is away. */
const CONNECT_TIMEOUT_MS = 5_000;
const SILENCE_TIMEOUT_MS = 30_000;
/** S3's own limit for one request. */
const DELETED_AT_ONCE = 1_000;

/** The settings that say which store it is, and how it is asked. */
export type StoreEnv = Pick<Env, 'storeUrl' | 'storeEndpoint' | 'storeRegion'>;

type S3 = Awaited<ReturnType<typeof connect>>;

/** The SDK, which takes 25 MB and a tenth of a second, is loaded where there is a store alone. */
async function connect({ storeEndpoint: endpoint, storeRegion: region }: StoreEnv) {
  // It is pinned; its advice on Node for later versions is no line of a log.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  const [s3, { Upload }] = await Promise.all([import('@aws-sdk/client-s3'), import('@aws-sdk/lib-storage')]);
  const client: S3Client = new s3.S3Client({
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
    region,
    maxAttempts: ATTEMPTS,
    requestHandler: { connectionTimeout: CONNECT_TIMEOUT_MS, socketTimeout: SILENCE_TIMEOUT_MS },
  });
  return { ...s3, Upload, client };
}

/** A file, as it was when it was read. */
export interface FileFacts {
  bytes: number;
  sha256: string;
}

/** A bucket of a store that speaks S3, and in it all names below one prefix. Every method throws StoreError, with a sentence. */
export class ObjectStore {
  /** `s3://bucket/prefix`, for people. */
  readonly address: string;
  readonly #env: StoreEnv;
  readonly #bucket: string;
  readonly #prefix: string;
  #s3: Promise<S3> | null = null;

  /** @param env the address, the region, and the endpoint of a store that is not Amazon's; keys are found as every AWS SDK finds them */
  constructor(env: StoreEnv & { storeUrl: string }) {
    const { storeUrl } = env;
    const { hostname, pathname } = new URL(storeUrl);
    this.address = storeUrl;
    this.#bucket = hostname;
    this.#prefix = pathname.replace(/^\/+|\/+$/g, '');
    this.#env = env;
  }

  /** Puts a file there, whole or not at all. @returns what was read of it, and is there now */
  async put(name: string, path: string, signal?: AbortSignal): Promise<FileFacts> {
    return await this.#asked(async ({ client, Upload, HeadObjectCommand }) => {
      const { size } = await stat(path);
      const reading = measured();
      const body = createReadStream(path, { highWaterMark: 1024 ** 2 }).pipe(reading.stream);
      const upload = new Upload({
        client,
        params: { ...this.#at(name), Body: body },
        partSize: PART_BYTES,
        queueSize: PARTS_AT_ONCE,
      });
      const abort = () => void upload.abort();
      signal?.addEventListener('abort', abort, { once: true });
      try {
        signal?.throwIfAborted();
        await upload.done();
      } finally {
        signal?.removeEventListener('abort', abort);
        body.destroy();
      }
      const facts = reading.facts();
      const stored = await client.send(new HeadObjectCommand(this.#at(name)));
      if (facts.bytes !== size || stored.ContentLength !== size)
        throw new Error(`${name} has ${stored.ContentLength} bytes there, and ${size} here`);
      return facts;
    }, signal);
  }

  async putText(name: string, text: string): Promise<void> {
    await this.#asked(({ client, PutObjectCommand }) =>
      client.send(new PutObjectCommand({ ...this.#at(name), Body: text })),
    );
  }

  /** Writes an object into a file, which may be there already. @returns what was written; null where there is none */
  async get(name: string, path: string, signal?: AbortSignal): Promise<FileFacts | null> {
    return await this.#asked(async (s3) => {
      const body = await this.#body(s3, name, signal);
      if (body === null) return null;
      const reading = measured();
      await pipeline(body, reading.stream, createWriteStream(path), { signal });
      return reading.facts();
    }, signal);
  }

  /** Null where there is none. */
  async getText(name: string): Promise<string | null> {
    return await this.#asked(async (s3) => {
      const body = await this.#body(s3, name);
      if (body === null) return null;
      const chunks: Buffer[] = [];
      for await (const chunk of body) chunks.push(Buffer.from(chunk));
      return Buffer.concat(chunks).toString('utf8');
    });
  }

  /** All names that begin so, with their bytes, by name. */
  async list(beginning: string): Promise<{ name: string; bytes: number }[]> {
    return await this.#asked(async ({ client, ListObjectsV2Command }) => {
      const found: { name: string; bytes: number }[] = [];
      const cut = this.#prefix === '' ? 0 : this.#prefix.length + 1;
      for (let token: string | undefined; ; ) {
        const page = await client.send(
          new ListObjectsV2Command({ Bucket: this.#bucket, Prefix: this.#key(beginning), ContinuationToken: token }),
        );
        for (const { Key, Size } of page.Contents ?? [])
          found.push({ name: String(Key).slice(cut), bytes: Number(Size) });
        if (!page.IsTruncated) return found;
        token = page.NextContinuationToken;
      }
    });
  }

  /** Looks whether it answers, and has the bucket. By a list: some stores make a bucket that is not there when something is put into it. */
  async look(): Promise<void> {
    await this.list('runs/0/');
  }

  /** Within the store, without a way over this machine. */
  async copy(from: string, to: string): Promise<void> {
    await this.#asked(({ client, CopyObjectCommand }) => {
      const source = `${this.#bucket}/${this.#key(from)}`.split('/').map(encodeURIComponent).join('/');
      return client.send(new CopyObjectCommand({ ...this.#at(to), CopySource: source }));
    });
  }

  /** Removes one; that it is not there is no error. */
  async remove(name: string): Promise<void> {
    await this.#asked(({ client, DeleteObjectCommand }) => client.send(new DeleteObjectCommand(this.#at(name))));
  }

  /** Removes all whose names begin so. */
  async removeAll(beginning: string): Promise<void> {
    const names = (await this.list(beginning)).map(({ name }) => ({ Key: this.#key(name) }));
    for (let at = 0; at < names.length; at += DELETED_AT_ONCE)
      await this.#asked(async ({ client, DeleteObjectsCommand }) => {
        const Delete = { Objects: names.slice(at, at + DELETED_AT_ONCE), Quiet: true };
        const { Errors } = await client.send(new DeleteObjectsCommand({ Bucket: this.#bucket, Delete }));
        if (Errors?.[0]) throw new Error(`${Errors[0].Key}: ${Errors[0].Message}`);
      });
  }

  async #body({ client, GetObjectCommand }: S3, name: string, signal?: AbortSignal): Promise<Readable | null> {
    try {
      const { Body } = await client.send(new GetObjectCommand(this.#at(name)), { abortSignal: signal });
      return Body as Readable;
    } catch (error) {
      if (error instanceof Error && error.name === 'NoSuchKey') return null;
      throw error;
    }
  }

  #key(name: string): string {
    return this.#prefix === '' ? name : `${this.#prefix}/${name}`;
  }

  #at(name: string): { Bucket: string; Key: string } {
    return { Bucket: this.#bucket, Key: this.#key(name) };
  }

  async #asked<T>(ask: (s3: S3) => Promise<T>, signal?: AbortSignal): Promise<T> {
    try {
      this.#s3 ??= connect(this.#env);
      return await ask(await this.#s3);
    } catch (error) {
      signal?.throwIfAborted();
      throw StoreError.of(error, this.address);
    }
  }
}

/** Passes bytes on, and knows afterwards what they were. */
function measured(): { stream: Transform; facts: () => FileFacts } {
  const hash = createHash('sha256');
  let bytes = 0;
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.length;
      done(null, chunk);
    },
  });
  return { stream, facts: () => ({ bytes, sha256: hash.digest('hex') }) };
}

/** Those that this process has, by their addresses. */
const stores = new Map<string, ObjectStore>();

/** The store in which hosts without a common folder find one another's files; null: they have a common folder. */
export function objectStoreOf(env: StoreEnv): ObjectStore | null {
  const { storeUrl, storeEndpoint } = env;
  if (storeUrl === undefined) return null;
  const key = `${storeEndpoint} ${storeUrl}`;
  const store = stores.get(key) ?? new ObjectStore({ ...env, storeUrl });
  stores.set(key, store);
  return store;
}
