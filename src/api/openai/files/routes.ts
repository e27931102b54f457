import { Op } from 'sequelize';
import { z } from 'zod';
import { contentIsGone, deleteFile, findFile, isThere } from '../../../commands/openai/files.ts';
import { OpenAiFile } from '../../../models/openai/openai-file.ts';
import type { DiskRoom } from '../../datasets/disk-room.ts';
import { Uploads } from '../../datasets/uploads.ts';
import type { ApiDependencies } from '../../http/declaration.ts';
import { filePiece, sendDownload } from '../../http/download.ts';
import type { Endpoints } from '../../http/endpoint.ts';
import { presentList } from '../lists.ts';
import { presentFile } from './present.ts';
import { FileDeletedSchema, FileListQuery, FileListSchema, FileParams, FileSchema, FileUpload } from './schema.ts';
import { uploadFile } from './upload.ts';

const tag = 'Files';
const GONE = { 404: 'No such file' };

export function addFiles(endpoints: Endpoints, { env }: ApiDependencies, room: DiskRoom): void {
  const uploads = new Uploads();

  endpoints.add({
    method: 'post',
    path: '/files',
    role: 'trainer',
    summary: 'Upload a file; one for fine-tune becomes a dataset',
    tag,
    multipart: FileUpload,
    success: { status: 200, description: 'The file', schema: FileSchema },
    errors: { 507: 'No room on the disk' },
    handle: async ({ ctx }) => presentFile(await uploadFile(ctx, { env, uploads, room })),
  });

  endpoints.add({
    method: 'get',
    path: '/files',
    role: 'viewer',
    summary: 'List files, newest first',
    tag,
    query: FileListQuery,
    success: { status: 200, description: 'A page of files', schema: FileListSchema },
    errors: { 404: 'No such file to go on behind' },
    handle: async ({ query: { after, limit, order, purpose } }) => {
      const last = after === undefined ? null : await findFile(after);
      const beyond = order === 'asc' ? Op.gt : Op.lt;
      const found = await OpenAiFile.findAll({
        where: {
          ...isThere(),
          ...(purpose === undefined ? {} : { purpose }),
          ...(last === null ? {} : { seq: { [beyond]: last.seq } }),
        },
        order: [['seq', order]],
        limit: limit + 1,
      });
      return presentList(found.map(presentFile), limit);
    },
  });

  endpoints.add({
    method: 'get',
    path: '/files/{file_id}',
    role: 'viewer',
    summary: 'Get a file',
    tag,
    params: FileParams,
    success: { status: 200, description: 'The file', schema: FileSchema },
    errors: GONE,
    handle: async ({ params: { file_id } }) => presentFile(await findFile(file_id)),
  });

  endpoints.add({
    method: 'get',
    path: '/files/{file_id}/content',
    role: 'trainer',
    summary: 'What was uploaded',
    tag,
    params: FileParams,
    success: {
      status: 200,
      description: 'Its bytes',
      schema: z.string().openapi({ format: 'binary', example: '(the bytes of the file)' }),
      contentType: 'application/octet-stream',
    },
    errors: GONE,
    inRanges: true,
    handle: async ({ params: { file_id }, ctx }) => {
      const file = await findFile(file_id);
      const { filename: name, path } = file;
      const piece = await filePiece(path, await contentIsGone(file));
      return sendDownload(ctx, { name, contentType: 'application/octet-stream', pieces: [piece] });
    },
  });

  endpoints.add({
    method: 'delete',
    path: '/files/{file_id}',
    role: 'trainer',
    summary: 'Delete a file; a dataset that is trained on stays with its job or project',
    tag,
    params: FileParams,
    success: { status: 200, description: 'Deleted', schema: FileDeletedSchema },
    errors: GONE,
    handle: async ({ params: { file_id: id } }) => {
      await deleteFile(id, env);
      return { id, object: 'file', deleted: true };
    },
  });
}
