import { randomUUID } from 'node:crypto';
import { basename, join } from 'node:path';
import formidable, { errors as formErrors } from 'formidable';
import type { Context } from 'koa';
import type { Env } from '../../platform/env.ts';
import { isDiskFull, NoRoomError } from '../../platform/files.ts';
import { ApiError, badRequest } from '../http/errors.ts';
import { whileReceiving } from '../http/request.ts';
import type { DiskRoom } from './disk-room.ts';
import { ReceivedFile } from './received-file.ts';
import type { Upload } from './uploads.ts';

/** Names beside the file that a form may have; a few more than we know, so that a wrong one is named. */
const MOST_FIELDS = 20;
const MOST_FIELD_BYTES = 1024 ** 2;

export interface ReceivedUpload<Form> {
  /** Where the file lies now; whoever receives it removes it. */
  path: string;
  /** The name under which the user has it, without folders. */
  originalName: string;
  bytes: number;
  /** Of the file, in hexadecimal. */
  sha256: string;
  form: Form;
}

/** What a form may have as its file. */
export interface FileLimits {
  /** The form field that it goes into. */
  field: 'file' | 'data';
  mostBytes: number;
  /** What is too large, and what to do. */
  tooLarge: string;
}

/** Of a file that is sent as a whole. */
export function fileLimits({ maxUploadBytes }: Env): FileLimits {
  const tooLarge = `The upload is larger than ${maxUploadBytes} bytes (MTM_MAX_UPLOAD_BYTES). Send a smaller file.`;
  return { field: 'file', mostBytes: maxUploadBytes, tooLarge };
}

/**
 * Streams a form's file into `dir`, which the caller removes. `readForm` checks the fields beside it, and may throw an ApiError.
 * @throws ApiError 400, 413, 415, 422 or 507; the reason of the signal
 */
export async function receiveUpload<Form>(
  ctx: Context,
  limits: FileLimits,
  dir: string,
  { upload, signal, room }: { upload: Upload; signal: AbortSignal; room: DiskRoom },
  readForm: (fields: Record<string, string>) => Form,
): Promise<ReceivedUpload<Form>> {
  if (!ctx.is('multipart/form-data')) {
    throw new ApiError(
      415,
      `Content-Type is ${JSON.stringify(ctx.get('Content-Type'))}; send the file as multipart/form-data.`,
    );
  }
  // Before a byte of it is read, where the client says how long it is.
  const announcedBytes = Number(ctx.get('Content-Length') || 0);
  // Beside its file a form has some bytes of its own.
  if (announcedBytes > limits.mostBytes + 2 * MOST_FIELD_BYTES) throw new ApiError(413, limits.tooLarge);
  const reservation = await room.reserve(announcedBytes);
  const written: ReceivedFile[] = [];
  const parser = formidable({
    fileWriteStreamHandler: () => {
      const file = new ReceivedFile(join(dir, randomUUID()), reservation);
      written.push(file);
      return file;
    },
    maxFileSize: limits.mostBytes,
    maxTotalFileSize: limits.mostBytes,
    maxFiles: 1,
    maxFields: MOST_FIELDS,
    maxFieldsSize: MOST_FIELD_BYTES,
    allowEmptyFiles: true,
    minFileSize: 0,
    hashAlgorithm: 'sha256',
  });
  // By its file name: some clients (Python's requests) send files without a content type, others fields with one.
  parser.onPart = (part) => {
    part.mimetype = part.originalFilename === null ? null : (part.mimetype ?? 'application/octet-stream');
    void parser._handlePart(part);
  };
  parser.on('fileBegin', (_name, file) => {
    upload.filename = file.originalFilename;
  });
  parser.on('progress', (received) => {
    upload.receivedBytes = received;
    if (upload.totalBytes) upload.progressPercent = Math.min(100, (100 * received) / upload.totalBytes);
  });
  const fields: [string, string][] = [];
  parser.on('field', (name, value) => void fields.push([name, value]));
  const cancelled = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  try {
    const [, files] = await whileReceiving(ctx, Promise.race([parser.parse(ctx.req), cancelled]));
    const file = fileOf(files, fields, limits.field);
    const [whole] = written;
    // formidable ends a form well even if its last writes fail, before their error arrives.
    if (!whole?.writableFinished) throw whole?.errored ?? new NoRoomError('The last writes of an upload failed.');
    return { ...file, path: whole.path, form: readForm(fieldsOf(fields)) };
  } catch (error) {
    throw formError(error, limits);
  } finally {
    for (const file of written) file.destroy();
    reservation.end();
  }
}

function formError(error: unknown, { tooLarge }: FileLimits): Error {
  if (error instanceof ApiError || isDiskFull(error)) return error as Error;
  const { code, message } = error as Error & { code?: number | string };
  if (code === formErrors.biggerThanMaxFileSize || code === formErrors.biggerThanTotalMaxFileSize)
    return new ApiError(413, tooLarge);
  if (code === formErrors.maxFieldsSizeExceeded)
    return new ApiError(413, `The fields beside the file are longer than ${MOST_FIELD_BYTES} bytes. Send less.`);
  if (code === formErrors.maxFieldsExceeded)
    return new ApiError(422, `The form has more than ${MOST_FIELDS} fields beside the file. Send fewer.`);
  if (code === formErrors.maxFilesExceeded)
    return new ApiError(422, 'The form has more than one file; upload each with a request of its own.');
  if (typeof code === 'string') return error as Error;
  return new ApiError(422, `The form does not read: ${message}. Send it again as multipart/form-data.`);
}

function fileOf(
  files: Record<string, formidable.File[] | undefined>,
  fields: [string, string][],
  wanted: FileLimits['field'],
) {
  const [name, [file] = []] = Object.entries(files)[0] ?? [];
  if (name !== undefined && name !== wanted)
    throw new ApiError(422, `Unknown form field ${JSON.stringify(name)} with a file; the file goes into "${wanted}".`);
  if (!file) {
    const asText = fields.some(([field]) => field === wanted);
    throw asText
      ? badRequest(`${wanted} was sent as a text; send it as a file, with its name: filename="data.csv".`)
      : new ApiError(422, `${wanted} is required: send it in the form field "${wanted}".`);
  }
  const sent = file.originalFilename ?? '';
  const originalName = plainName(sent);
  if (originalName === null)
    throw badRequest(
      `The file's name ${JSON.stringify(sent.slice(0, 100))} is empty, longer than 255 characters, or has control characters. Rename it.`,
    );
  return { originalName, bytes: file.size, sha256: file.hash ?? '' };
}

/** A file's name without folders; null where it is empty, longer than 255 characters, or has control characters. */
export function plainName(sent: string): string | null {
  const name = basename(sent.replaceAll('\\', '/'));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  return name === '' || name.length > 255 || /[\0-\x1f\x7f]/.test(name) ? null : name;
}

function fieldsOf(fields: [string, string][]): Record<string, string> {
  const twice = fields.find(([name], index) => fields.findIndex(([other]) => other === name) !== index);
  if (twice) throw new ApiError(422, `The form field ${JSON.stringify(twice[0])} is given twice; send it once.`);
  // A form ends every line with CRLF, however it was typed (HTML, "multipart/form-data encoding algorithm").
  const typed = fields.map(([name, text]) => [name, text.replaceAll('\r\n', '\n')]);
  return Object.fromEntries(typed);
}
