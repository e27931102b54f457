import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** How a simple query of PostgreSQL's protocol says it; Sequelize ends every transaction with one. */
const COMMIT = Buffer.from('COMMIT;');

/**
 * A way to a PostgreSQL on which answers to COMMITs can be lost: they are carried out, and whoever asked for them only
 * sees the connection end, as when the server, its machine or the network goes away at that moment.
 */
export class LossyProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #toLose = 0;
  #lost = 0;

  private constructor(target: { host: string; port: number }) {
    this.#server = createServer((client) => this.#serve(client, connect(target.port, target.host)));
  }

  /** @param databaseUrl of the server behind it */
  static async open(databaseUrl: string): Promise<LossyProxy> {
    const { hostname, port } = new URL(databaseUrl);
    const proxy = new LossyProxy({ host: hostname, port: Number(port) });
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  /** The same database through this proxy. */
  urlOf(databaseUrl: string): string {
    const url = new URL(databaseUrl);
    url.hostname = '127.0.0.1';
    url.port = String((this.#server.address() as AddressInfo).port);
    return url.href;
  }

  /** The answers to the next so many COMMITs are lost. */
  loseCommits(count = 1): void {
    this.#toLose = count;
  }

  /** How many were. */
  get lostCommits(): number {
    return this.#lost;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #serve(client: Socket, server: Socket): void {
    let isToBeLost = false;
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    client.on('data', (bytes) => {
      if (this.#toLose > 0 && bytes.includes(COMMIT)) {
        this.#toLose -= 1;
        isToBeLost = true;
      }
      server.write(bytes);
    });
    server.on('data', (bytes) => {
      if (!isToBeLost) return void client.write(bytes);
      // The server has answered: it is carried out.
      this.#lost += 1;
      client.destroy();
    });
  }
}
