import { createServer } from 'node:net';

/** True when nothing listens on this port of the loopback interface, or of `host`. */
export async function isPortFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return (await tryListen(port, host)) !== null;
}

/** `port`, or a free one when it is 0. */
export async function choosePort(port: number): Promise<number> {
  if (port !== 0) return port;
  const free = await tryListen(0, '127.0.0.1');
  if (free === null) throw new Error('This machine has no free port.');
  return free;
}

function tryListen(port: number, host: string): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(null));
    server.listen(port, host, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : null));
    });
  });
}
