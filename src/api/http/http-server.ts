import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { Server as NetServer } from 'node:net';
import type { Duplex } from 'node:stream';
import type Koa from 'koa';

/** What Node's HTTP parser refuses before the application sees it. */
const UNREADABLE: Record<string, { status: string; detail: string }> = {
  HPE_HEADER_OVERFLOW: {
    status: '431 Request Header Fields Too Large',
    detail: 'The headers and the path are longer than 16 KiB. Send less.',
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: '408 Request Timeout',
    detail: 'The headers did not come in time. Send the request again.',
  },
};
const MALFORMED = { status: '400 Bad Request', detail: 'This is no valid HTTP request. Correct it and send it again.' };

/**
 * Listens, and gives errors of HTTP itself the form that every other error has.
 * @param at an address, or a server whose port becomes this one's
 */
export async function listen(app: Koa, at: { port: number; host: string } | NetServer): Promise<Server> {
  const server = createServer(app.callback());
  // Node ends a request that takes longer than five minutes; uploads of large files over slow lines do.
  server.requestTimeout = 0;
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
    const { status, detail } = UNREADABLE[error.code ?? ''] ?? MALFORMED;
    const body = JSON.stringify({ detail });
    socket.end(
      `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  });
  server.listen(at);
  await once(server, 'listening');
  return server;
}
