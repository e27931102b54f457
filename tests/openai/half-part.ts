import { readdir } from 'node:fs/promises';
import { type ClientRequest, request } from 'node:http';
import { join } from 'node:path';
import { until } from '../support/service.ts';

export interface HalfPart {
  /** To be ended, or broken off. */
  sending: ClientRequest;
  /** What the service answers. */
  answered: Promise<number | undefined>;
}

/** What is left to be sent of a half part. */
export const OTHER_HALF = 'second\r\n--b--\r\n';

/** Sends the first half of a part to an upload, until it lies in `home`. */
export async function sendHalfPart(
  { url, key, home }: { url: string; key: string; home: string },
  uploadId: string,
): Promise<HalfPart> {
  const folder = join(home, 'uploads', 'incoming', uploadId);
  const before = await readdir(folder);
  const headers = { Authorization: `Bearer ${key}`, 'Content-Type': 'multipart/form-data; boundary=b' };
  const sending = request(`${url}/v1/uploads/${uploadId}/parts`, { method: 'POST', headers });
  const answered = new Promise<number | undefined>((resolve) => {
    sending.on('response', ({ statusCode }) => resolve(statusCode)).on('error', () => resolve(undefined));
  });
  sending.write('--b\r\nContent-Disposition: form-data; name="data"; filename="x"\r\n\r\nfirst');
  await until('half a part to arrive', async () => {
    const [part] = (await readdir(folder)).filter((name) => !before.includes(name));
    return part !== undefined && (await readdir(join(folder, part))).length === 1 ? true : null;
  });
  return { sending, answered };
}
