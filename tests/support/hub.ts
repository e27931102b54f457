import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface HubFile {
  content: Buffer;
  isLarge: boolean;
}

/** What a test has the hub do with a request for a file's content. Undefined: it sends it. */
export type Trouble = (request: { name: string; from: number; nth: number }) =>
  | undefined
  | { status: number; headers?: Record<string, string> }
  /** Sends so many bytes, and breaks the connection off. */
  | { tearAfter: number }
  /** Sends this instead. */
  | { content: Buffer };

interface Repository {
  commit: string;
  files: Map<string, HubFile>;
  license: string;
}

/**
 * A hub as huggingface.co is one, with models that a test makes. Large files are sent by another server, to which it leads, as by a
 * content delivery network. It counts what it sends, and sends no more than a test lets it: what it has not sent is in no buffer.
 */
export class Hub {
  readonly repositories = new Map<string, Repository>();
  /** Bytes of contents that were sent, by file. */
  readonly sent = new Map<string, number>();
  /** What was asked of it, and of the other server: method, path, and whether a token came. */
  readonly asked: { method: string; path: string; token: boolean; isCdn: boolean; range: string | null }[] = [];
  trouble: Trouble = () => undefined;
  /** How the API and the files of a model are refused. */
  refusal: { status: number; code?: string; headers?: Record<string, string> } | null = null;
  /** The token without which a refusal is given. */
  token: string | null = null;
  #gate = Number.POSITIVE_INFINITY;
  #opened: (() => void)[] = [];
  #sending = 0;
  readonly #nth = new Map<string, number>();
  readonly #hub: Server;
  readonly #cdn: Server;

  private constructor() {
    this.#hub = createServer((request, response) => void this.#answer(request, response, false));
    this.#cdn = createServer((request, response) => void this.#answer(request, response, true));
  }

  static async start(): Promise<Hub> {
    const hub = new Hub();
    for (const server of [hub.#hub, hub.#cdn]) {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
    }
    return hub;
  }

  get url(): string {
    return urlOf(this.#hub);
  }

  /** Adds a model; those of 10 kB or more are kept in LFS. */
  add(name: string, files: Record<string, string | Buffer>, license = 'apache-2.0'): Repository {
    const made = Object.entries(files).map(([file, text]): [string, HubFile] => {
      const content = typeof text === 'string' ? Buffer.from(text) : text;
      return [file, { content, isLarge: content.length >= 10_000 }];
    });
    const commit = createHash('sha1').update(name).update(String(this.repositories.size)).digest('hex');
    const repository = { commit, files: new Map(made), license };
    this.repositories.set(name, repository);
    return repository;
  }

  /** Of contents it sends so many bytes of a file, from its beginning, and then waits until it may send more. */
  sendUpTo(bytes: number): void {
    this.#gate = bytes;
    for (const open of this.#opened.splice(0)) open();
  }

  /** Whether somebody is connected who is sent a content. */
  isSending(): boolean {
    return this.#sending > 0;
  }

  async stop(): Promise<void> {
    this.sendUpTo(Number.POSITIVE_INFINITY);
    for (const server of [this.#hub, this.#cdn]) {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse, isCdn: boolean): Promise<void> {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://hub').pathname);
    const { authorization, range } = request.headers;
    this.asked.push({
      method: request.method ?? '',
      path,
      token: authorization !== undefined,
      isCdn,
      range: range ?? null,
    });
    const [, apiName, revision] = /^\/api\/models\/([^/]+\/[^/]+)\/revision\/(.+)$/.exec(path) ?? [];
    const [, fileName, , file = ''] = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(path) ?? [];
    const repository = this.repositories.get(apiName ?? fileName ?? '');
    if (!repository) return refuse(response, 404, 'RepoNotFound');
    if (isCdn) return await this.#send(request, response, repository, file);
    if (apiName) {
      // The hub tells what a gated model has, and gives none of it.
      if (this.refusal && this.refusal.code !== 'GatedRepo') return this.#refuse(response);
      if (!['main', repository.commit].includes(revision ?? '')) return refuse(response, 404, 'RevisionNotFound');
      return sendJson(response, infoOf(apiName, repository));
    }
    if (this.refusal && (this.token === null || authorization !== `Bearer ${this.token}`))
      return this.#refuse(response);
    const found = repository.files.get(file);
    if (!found) return refuse(response, 404, 'EntryNotFound');
    response.setHeader('X-Repo-Commit', repository.commit);
    if (!found.isLarge) {
      response.setHeader('ETag', `"${hashOf(found)}"`);
      return await this.#send(request, response, repository, file);
    }
    response.setHeader('X-Linked-Etag', `"${hashOf(found)}"`);
    response.setHeader('X-Linked-Size', String(found.content.length));
    response.setHeader('Location', `${urlOf(this.#cdn)}${request.url}`);
    response.writeHead(302).end();
  }

  #refuse(response: ServerResponse): void {
    for (const [name, value] of Object.entries(this.refusal?.headers ?? {})) response.setHeader(name, value);
    refuse(response, this.refusal?.status ?? 500, this.refusal?.code);
  }

  async #send(request: IncomingMessage, response: ServerResponse, { files }: Repository, name: string): Promise<void> {
    const found = files.get(name);
    if (!found) return refuse(response, 404, 'EntryNotFound');
    if (request.method === 'HEAD') {
      response.setHeader('Content-Length', found.content.length);
      return void response.end();
    }
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const nth = (this.#nth.get(name) ?? 0) + 1;
    this.#nth.set(name, nth);
    const trouble = this.trouble({ name, from, nth });
    if (trouble && 'status' in trouble) {
      response.writeHead(trouble.status, trouble.headers).end();
      return;
    }
    const content = (trouble && 'content' in trouble ? trouble.content : found.content).subarray(from);
    response.writeHead(from > 0 ? 206 : 200, {
      'Content-Length': content.length,
      ...(from > 0 ? { 'Content-Range': `bytes ${from}-${from + content.length - 1}/${from + content.length}` } : {}),
    });
    const tearAfter = trouble && 'tearAfter' in trouble ? trouble.tearAfter : Number.POSITIVE_INFINITY;
    this.#sending += 1;
    await this.#pour(response, name, content, { from, tearAfter });
    this.#sending -= 1;
  }

  async #pour(
    response: ServerResponse,
    name: string,
    content: Buffer,
    { from, tearAfter }: { from: number; tearAfter: number },
  ): Promise<void> {
    const closed = once(response, 'close');
    for (let at = 0; at < content.length; ) {
      if (at >= tearAfter) return void response.destroy();
      if (response.destroyed) return;
      const mayBeSent = Math.min(this.#gate - from - at, tearAfter - at, 65_536);
      if (mayBeSent <= 0) {
        await Promise.race([new Promise<void>((open) => this.#opened.push(open)), closed]);
        continue;
      }
      const piece = content.subarray(at, at + mayBeSent);
      at += piece.length;
      this.sent.set(name, (this.sent.get(name) ?? 0) + piece.length);
      if (!response.write(piece)) await Promise.race([drained(response), closed]);
    }
    response.end();
  }
}

function infoOf(name: string, { commit, files, license }: Repository): object {
  return {
    id: name,
    modelId: name,
    sha: commit,
    private: false,
    gated: false,
    disabled: false,
    downloads: 0,
    likes: 0,
    tags: [],
    cardData: { license },
    siblings: [...files].map(([rfilename, file]) => ({
      rfilename,
      size: file.content.length,
      blobId: gitHashOf(file.content),
      ...(file.isLarge ? { lfs: { sha256: hashOf(file), size: file.content.length, pointerSize: 130 } } : {}),
    })),
  };
}

function hashOf({ content, isLarge }: HubFile): string {
  return isLarge ? createHash('sha256').update(content).digest('hex') : gitHashOf(content);
}

function gitHashOf(content: Buffer): string {
  return createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
}

function refuse(response: ServerResponse, status: number, code?: string): void {
  if (code) response.setHeader('X-Error-Code', code);
  response.writeHead(status, { 'Content-Type': 'application/json' }).end('{"error":"no"}');
}

function sendJson(response: ServerResponse, body: object): void {
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify(body));
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    response.once('drain', resolve);
  });
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
