import pLimit from 'p-limit';
import { cancelUpload, createUpload, removeParts } from '../../../commands/openai/uploads.ts';
import type { DiskRoom } from '../../datasets/disk-room.ts';
import { MOST_AT_ONCE, Uploads } from '../../datasets/uploads.ts';
import type { ApiDependencies } from '../../http/declaration.ts';
import type { Endpoints } from '../../http/endpoint.ts';
import { Completions } from './completions.ts';
import { presentPart, presentUpload } from './present.ts';
import { receivePart } from './receive-part.ts';
import { PartSchema, PartUpload, UploadComplete, UploadCreate, UploadParams, UploadSchema } from './schema.ts';

const tag = 'Uploads';
const ENDED = { 404: 'No such upload', 409: 'It was completed or cancelled, or has expired' };
const NO_ROOM = { 507: 'No room on the disk' };

export function addUploads(endpoints: Endpoints, { env }: ApiDependencies, room: DiskRoom): void {
  const uploads = new Uploads();
  /** Parts may all come at once: those that are too many for now are read when it is their turn. */
  const oneOfFew = pLimit(MOST_AT_ONCE);
  const completions = new Completions(env, room);

  endpoints.add({
    method: 'post',
    path: '/uploads',
    role: 'trainer',
    summary: 'Create an upload: a file that is sent in parts, within an hour',
    tag,
    body: UploadCreate,
    success: { status: 200, description: 'The upload', schema: UploadSchema },
    errors: NO_ROOM,
    handle: async ({ body: { bytes, filename, purpose, expires_after } }) =>
      presentUpload(
        await createUpload({ bytes, filename, purpose, expiresAfterS: expires_after?.seconds ?? null }, env),
      ),
  });

  endpoints.add({
    method: 'post',
    path: '/uploads/{upload_id}/parts',
    role: 'trainer',
    summary: 'Add a part to an upload; any number of them at once, in any order',
    tag,
    params: UploadParams,
    multipart: PartUpload,
    success: { status: 200, description: 'The part', schema: PartSchema },
    errors: { ...ENDED, ...NO_ROOM },
    handle: ({ params: { upload_id }, ctx }) =>
      oneOfFew(async () => presentPart(await receivePart(ctx, upload_id, { env, uploads, room }))),
  });

  endpoints.add({
    method: 'post',
    path: '/uploads/{upload_id}/complete',
    role: 'trainer',
    summary: 'Put the parts of an upload together to a file; asked the same again, it is the same file',
    tag,
    params: UploadParams,
    body: UploadComplete,
    success: { status: 200, description: 'The upload, with its file', schema: UploadSchema },
    errors: { ...ENDED, 409: 'The parts make no such file, or the upload has ended', ...NO_ROOM },
    handle: async ({ params: { upload_id: id }, body: { part_ids: partIds, md5 } }) => {
      const { upload, file } = await completions.complete({ id, partIds, md5: md5?.toLowerCase() ?? null });
      return presentUpload(upload, file);
    },
  });

  endpoints.add({
    method: 'post',
    path: '/uploads/{upload_id}/cancel',
    role: 'trainer',
    summary: 'Cancel an upload: nothing of it stays',
    tag,
    params: UploadParams,
    success: { status: 200, description: 'The upload', schema: UploadSchema },
    errors: ENDED,
    handle: async ({ params: { upload_id: id } }) => {
      const upload = await cancelUpload(id);
      completions.cancel(id);
      await removeParts(id, env);
      return presentUpload(upload);
    },
  });
}
