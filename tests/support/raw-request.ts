import { Agent, request } from 'node:http';

export interface RawAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  /** The first bytes; of an event stream, which has no end, nothing. */
  text: string;
}

/** Sends paths as they are written, where fetch would make others of them. */
export function rawSender(url: string) {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const send = (method: string, path: string, headers: Record<string, string> = {}, body = ''): Promise<RawAnswer> =>
    new Promise((resolve, reject) => {
      const type: Record<string, string> = body
        ? { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(body)) }
        : {};
      const asked = request(url, { method, path, agent, headers: { ...type, ...headers } }, (response) => {
        const { statusCode: status = 0, headers: answered } = response;
        const chunks: Buffer[] = [];
        const end = () => resolve({ status, headers: answered, text: Buffer.concat(chunks).toString() });
        if (answered['content-type'] === 'text/event-stream') {
          response.destroy();
          end();
        }
        response.on('data', (chunk: Buffer) => chunks.push(chunk)).once('end', end);
      });
      asked.once('error', reject).end(body);
    });
  return { send, close: () => agent.destroy() };
}
