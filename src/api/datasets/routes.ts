import { z } from 'zod';
import { fileIsGone, originalIsGone, profileOf, remap, validateRows } from '../../commands/datasets/dataset-rows.ts';
import { usersOf } from '../../commands/datasets/dataset-users.ts';
import { deleteDataset } from '../../commands/datasets/delete-dataset.ts';
import { findDataset } from '../../commands/datasets/find-dataset.ts';
import { tokensOf } from '../../commands/datasets/row-tokens.ts';
import { inReader } from '../../datasets/in-data-process.ts';
import { Dataset } from '../../models/datasets/dataset.ts';
import type { ApiDependencies } from '../http/declaration.ts';
import { filePiece, requireFile, sendDownload } from '../http/download.ts';
import type { Endpoints } from '../http/endpoint.ts';
import { limitsOf, pageOf, searchOf } from '../http/list-query.ts';
import { IdParams } from '../http/shared-schema.ts';
import type { DiskRoom } from './disk-room.ts';
import { presentDataset } from './present.ts';
import { ProfileQuery, ProfileSchema, ValidateRequest, ValidationSchema } from './profile-schema.ts';
import { TokensQuery, TokensSchema } from './row-tokens.ts';
import {
  DatasetListQuery,
  DatasetListSchema,
  DatasetPatch,
  DatasetSchema,
  DatasetUpload,
  DatasetUsersQuery,
  DatasetUsersSchema,
  PreviewQuery,
  PreviewSchema,
} from './schema.ts';
import { uploadDataset } from './upload.ts';
import { addUploads } from './upload-routes.ts';
import { Uploads } from './uploads.ts';

const tag = 'Datasets';

export function addDatasets(endpoints: Endpoints, { env }: ApiDependencies, room: DiskRoom): void {
  const uploads = new Uploads();

  endpoints.add({
    method: 'post',
    path: '/datasets/',
    role: 'trainer',
    summary: 'Upload a dataset',
    tag,
    multipart: DatasetUpload,
    success: { status: 201, description: 'The dataset', schema: DatasetSchema, location: '/datasets/{id}' },
    errors: { 400: 'Invalid file type or content', 409: 'Cancelled', 507: 'No room on the disk' },
    creates: true,
    handle: ({ ctx, once }) => uploadDataset(ctx, { env, uploads, room }, once),
  });

  endpoints.add({
    method: 'get',
    path: '/datasets/',
    role: 'viewer',
    summary: 'List datasets, newest first',
    tag,
    query: DatasetListQuery,
    success: { status: 200, description: 'A page of datasets', schema: DatasetListSchema },
    handle: async ({ query }) => {
      const { rows, count } = await Dataset.findAndCountAll({
        ...searchOf('dataset', query),
        attributes: { exclude: ['profile'] },
      });
      return pageOf(rows.map(presentDataset), count, query);
    },
  });

  addUploads(endpoints, uploads);

  endpoints.add({
    method: 'get',
    path: '/datasets/{id}',
    role: 'viewer',
    summary: 'Get a dataset',
    tag,
    params: IdParams,
    success: { status: 200, description: 'The dataset', schema: DatasetSchema },
    errors: { 404: 'Dataset not found' },
    handle: async ({ params: { id } }) => presentDataset(await findDataset(id)),
  });

  endpoints.add({
    method: 'get',
    path: '/datasets/{id}/preview',
    role: 'viewer',
    summary: 'Rows, and the conversations that they give',
    tag,
    params: IdParams,
    query: PreviewQuery,
    success: { status: 200, description: 'Rows', schema: PreviewSchema },
    errors: { 400: 'The rows are too long to be shown', 404: 'Dataset not found, or its file is gone' },
    handle: async ({ params: { id }, query: { offset, rows: count } }) => {
      const { parquet_path, columns, mapping } = await findDataset(id);
      await requireFile(parquet_path, fileIsGone(id));
      const dataset = { parquet_path, columns, mapping };
      return { columns, rows: await inReader('preview', { dataset, offset, count }) };
    },
  });

  endpoints.add({
    method: 'get',
    path: '/datasets/{id}/profile',
    role: 'viewer',
    summary:
      "What a dataset is made of: lengths, duplicates, roles and their languages, and tokens with a base model's",
    tag,
    params: IdParams,
    query: ProfileQuery,
    success: { status: 200, description: 'The profile', schema: ProfileSchema },
    errors: { 400: 'Tokens are asked for, and the model or a mapping is not there', 404: 'Dataset not found' },
    mayTakeLong: true,
    handle: async ({ params: { id }, query, slowly }) => await profileOf(await findDataset(id), query, { env, slowly }),
  });

  endpoints.add({
    method: 'get',
    path: '/datasets/{id}/tokens',
    role: 'viewer',
    summary: "A row's tokens as training on a base model sees them, and which of them are learnt",
    tag,
    params: IdParams,
    query: TokensQuery,
    success: { status: 200, description: 'The tokens', schema: TokensSchema },
    errors: {
      400: 'No such row; the row is too long to show; or the model or the mapping is missing',
      404: 'Dataset not found, or its file is gone',
      503: "The trainer's Python is not there yet",
    },
    mayTakeLong: true,
    handle: async ({ params: { id }, query, slowly }) => await tokensOf(await findDataset(id), query, { env, slowly }),
  });

  endpoints.add({
    method: 'post',
    path: '/datasets/{id}/validate',
    role: 'trainer',
    changesNothing: true,
    summary: 'Check every row against a mapping, by default the one that it has; nothing is changed',
    tag,
    params: IdParams,
    body: ValidateRequest,
    bodyOptional: true,
    success: {
      status: 200,
      description: 'What is unusable, with the first row of each kind',
      schema: ValidationSchema,
    },
    errors: { 400: 'The mapping does not fit its columns, or it has none', 404: 'Dataset not found' },
    mayTakeLong: true,
    handle: async ({ params: { id }, body, slowly }) => await validateRows(await findDataset(id), body.mapping, slowly),
  });

  endpoints.add({
    method: 'get',
    path: '/datasets/{id}/users',
    role: 'viewer',
    summary: 'The jobs and projects that use a dataset, which is not deleted as long as there are any',
    tag,
    params: IdParams,
    query: DatasetUsersQuery,
    success: { status: 200, description: 'A page of them, jobs first', schema: DatasetUsersSchema },
    errors: { 404: 'Dataset not found' },
    handle: async ({ params: { id }, query }) => {
      await findDataset(id);
      const { users, total } = await usersOf(id, limitsOf(query));
      return pageOf(users, total, query);
    },
  });

  endpoints.add({
    method: 'get',
    path: '/datasets/{id}/download',
    role: 'trainer',
    summary: 'The file as it was uploaded',
    tag,
    params: IdParams,
    success: {
      status: 200,
      description: 'The file',
      schema: z.string().openapi({ format: 'binary', example: '(the bytes of the file)' }),
      contentType: 'application/octet-stream',
    },
    errors: { 404: 'Dataset not found, or its file is gone' },
    inRanges: true,
    handle: async ({ params: { id }, ctx }) => {
      const dataset = await findDataset(id);
      const { filename: name, file_path } = dataset;
      const piece = await filePiece(file_path, originalIsGone(dataset));
      return sendDownload(ctx, { name, contentType: 'application/octet-stream', pieces: [piece] });
    },
  });

  endpoints.add({
    method: 'patch',
    path: '/datasets/{id}',
    mayTakeLong: true,
    role: 'trainer',
    summary: "Change a dataset's name, description or mapping; runs keep the mapping that they were asked for with",
    tag,
    params: IdParams,
    body: DatasetPatch,
    success: { status: 200, description: 'The dataset as it is now', schema: DatasetSchema },
    errors: { 400: 'The mapping does not fit its columns', 404: 'Dataset not found' },
    handle: async ({ params: { id }, body: { mapping, ...metadata }, slowly }) => {
      const dataset = await findDataset(id);
      const changes = mapping === undefined ? {} : await remap(dataset, mapping, slowly);
      // All of them, also those that this row had when it was read: a profile may have been kept since then.
      await Dataset.update({ ...metadata, ...changes }, { where: { id } });
      return presentDataset(await dataset.reload());
    },
  });

  endpoints.add({
    method: 'delete',
    path: '/datasets/{id}',
    role: 'trainer',
    summary: 'Delete a dataset that no job or project uses',
    tag,
    params: IdParams,
    success: { status: 204, description: 'Deleted' },
    errors: { 404: 'Dataset not found', 409: 'A job or project uses it' },
    handle: ({ params: { id } }) => deleteDataset(id, env),
  });
}
