import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';

export interface Received {
  id: string;
  type: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** A program that webhooks are sent to. It answers as a test says, and can go away and come back on its port. */
export class Receiver {
  readonly received: Received[] = [];
  answer: { status: number; headers?: Record<string, string> } = { status: 204 };
  #server: Server | null = null;
  #port = 0;

  async start(): Promise<this> {
    this.#server = createServer(async (request, response) => {
      const body = await text(request);
      const { type } = JSON.parse(body) as { type: string };
      this.received.push({ id: String(request.headers['webhook-id']), type, headers: request.headers, body });
      response.writeHead(this.answer.status, this.answer.headers).end();
    }).listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/hook`;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    server?.closeAllConnections();
    if (server) await new Promise((resolve) => server.close(resolve));
  }
}

/** What was received, by the library that receivers use. @throws where the signature is not right */
export function verified({ body, headers }: Received, secret: string): Record<string, unknown> {
  return new Webhook(secret).verify(body, headers as Record<string, string>) as Record<string, unknown>;
}
