import type { ChildProcess } from 'node:child_process';
import { createServer, type Server, type Socket } from 'node:net';
import type { Handed } from '../../platform/handed-listener.ts';

const MOST_WAITING = 1_000;
/** As long as most clients wait, or longer. */
const LONGEST_WAIT_MS = 60_000;

/**
 * Keeps the port of a process open while that is started again. Who connects meanwhile waits, and the next process answers: clients that
 * try again twice within two seconds, as those of OpenAI do, see a slow answer and no failure.
 */
export class StandIn {
  readonly #port: number;
  readonly #host: string;
  #server: Server | undefined;
  readonly #waiting = new Map<Socket, NodeJS.Timeout>();

  constructor(port: number, host: string) {
    this.#port = port;
    this.#host = host;
  }

  /** Listens, from now on. Where somebody else has the port, nobody stands in. */
  begin(): void {
    if (this.#server) return;
    const server = createServer({ pauseOnConnect: true }, (socket) => this.#keep(socket));
    server.maxConnections = MOST_WAITING;
    server.once('error', () => {
      this.#server = undefined;
    });
    server.listen(this.#port, this.#host);
    this.#server = server;
  }

  /** Hands the port to the next process, open as it is; nothing, where nobody stood in. */
  handListener(child: ChildProcess): void {
    const server = this.#server?.listening ? this.#server : undefined;
    this.#server = undefined;
    child.send({ hands: 'listener' } satisfies Handed, server, () => server?.close());
  }

  /** Hands it those who have waited. */
  handConnections(child: ChildProcess): void {
    for (const socket of this.#released()) {
      // One that has died meanwhile takes nobody: better refused than left waiting.
      const sent = (error: Error | null) => error && socket.destroy();
      if (!socket.destroyed) child.send({ hands: 'connection' } satisfies Handed, socket, sent);
    }
  }

  end(): void {
    this.#server?.close();
    this.#server = undefined;
    for (const socket of this.#released()) socket.destroy();
  }

  #released(): Socket[] {
    const sockets = [...this.#waiting.keys()];
    for (const tooLong of this.#waiting.values()) clearTimeout(tooLong);
    this.#waiting.clear();
    return sockets;
  }

  #keep(socket: Socket): void {
    const tooLong = setTimeout(() => socket.destroy(), LONGEST_WAIT_MS);
    this.#waiting.set(socket, tooLong);
    // A connection that breaks off is no failure of ours.
    socket.on('error', () => {});
    socket.once('close', () => {
      clearTimeout(tooLong);
      this.#waiting.delete(socket);
    });
  }
}
