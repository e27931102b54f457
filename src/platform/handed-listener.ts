import { Server, Socket } from 'node:net';

/** What a process asks its starter for: the port that it kept open while there was no process, and then those who wait there. */
export interface Asked {
  asks: 'listener' | 'connections';
}

/** What the starter sends for it, with the handle where there is one. */
export type Handed = { hands: 'listener' | 'connection' };

/** The listener that the starter of this process has kept open for it; null where it has none, and where there is no starter. */
export async function takeListener(): Promise<Server | null> {
  if (!process.send) return null;
  const handed = new Promise<Server | null>((resolve) => {
    const take = ({ hands }: Handed, handle: unknown) => {
      if (hands !== 'listener') return;
      process.off('message', take);
      resolve(handle instanceof Server ? handle : null);
    };
    process.on('message', take);
  });
  process.send({ asks: 'listener' } satisfies Asked);
  return await handed;
}

/** Asks for those who have connected meanwhile: a server that listens goes on with each. */
export function takeConnections(server: Server): void {
  process.on('message', ({ hands }: Handed, handle: unknown) => {
    if (hands !== 'connection' || !(handle instanceof Socket)) return;
    server.emit('connection', handle);
    handle.resume();
  });
  process.send?.({ asks: 'connections' } satisfies Asked);
}
