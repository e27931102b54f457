import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A way to a server, at an address of its own, which can be cut as a network is: nothing comes through, and nobody is told. */
export interface Link {
  port: number;
  cut(): void;
  /** Connections of before are gone; new ones get through. */
  heal(): void;
  remove(): Promise<void>;
}

/** @param host the address to listen on, 127.0.0.2 say, at any `port` or this one; `target` is a port of 127.0.0.1 */
export async function openLink(host: string, target: number, port = 0): Promise<Link> {
  const sockets = new Set<Socket>();
  let isCut = false;
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  };
  const server = createServer((client) => {
    keep(client);
    // Taken by the kernel, as it were, and never answered.
    if (isCut) return void client.pause();
    const onward = connect(target, '127.0.0.1');
    keep(onward);
    client.pipe(onward).pipe(client);
    client.on('close', () => !isCut && onward.destroy());
    onward.on('close', () => !isCut && client.destroy());
  });
  server.listen(port, host);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The link has no port.');
  const endAll = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: address.port,
    cut: () => {
      isCut = true;
      for (const socket of sockets) socket.unpipe().pause();
    },
    heal: () => {
      isCut = false;
      endAll();
    },
    remove: async () => {
      endAll();
      server.close();
      await once(server, 'close');
    },
  };
}
