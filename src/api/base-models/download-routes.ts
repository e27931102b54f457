import { deleteModel } from '../../commands/base-models/delete-model.ts';
import { actOnDownload, type DownloadAction, findDownload } from '../../commands/base-models/downloads.ts';
import { ModelDownload } from '../../models/base-models/model-download.ts';
import { requestDownload } from '../../models/base-models/request-download.ts';
import type { ApiDependencies } from '../http/declaration.ts';
import type { Endpoints } from '../http/endpoint.ts';
import { limitsOf, pageOf } from '../http/list-query.ts';
import { IdParams } from '../http/shared-schema.ts';
import { ModelAdd, ModelDownloadListQuery, ModelDownloadListSchema, ModelDownloadSchema } from './download-schema.ts';
import { presentDownload, presentDownloads } from './present-download.ts';
import { ModelParams } from './schema.ts';

const tag = 'Models';
const path = '/model-downloads/{id}';
const errors = { 404: 'No such download' };

/** Models that come in from a hub, and leave. */
export function addModelDownloads(endpoints: Endpoints, { env }: ApiDependencies): void {
  endpoints.add({
    method: 'post',
    path: '/models/',
    role: 'trainer',
    summary: 'Fetch a model from the Hugging Face hub into the cache of a host; two requests for one are one download',
    tag,
    body: ModelAdd,
    success: {
      status: 201,
      description: 'The download',
      already: 'It is open, goes on, or is done',
      schema: ModelDownloadSchema,
      location: '/model-downloads/{id}',
    },
    errors: { 400: 'No name of a model, no such host, or several of which none is named; or HF_HUB_OFFLINE is set' },
    handle: async ({ body: { name, revision, host }, ctx }) => {
      const { download, isNew } = await requestDownload({ name, revision }, { host }, env);
      if (!isNew) ctx.status = 200;
      return await presentDownload(download);
    },
  });

  endpoints.add({
    method: 'delete',
    path: '/models/{name}',
    takesRestOfPath: true,
    role: 'admin',
    summary: 'Remove a model from the cache of the machine of the API, with all of its revisions',
    tag,
    params: ModelParams,
    success: { status: 204, description: 'Removed' },
    errors: {
      400: 'It is not in the cache: a directory, or a name of Ollama',
      404: 'There is no such model',
      409: 'A run that has not ended uses it, or a download of it is open',
    },
    handle: ({ params: { name } }) => deleteModel(name, env),
  });

  endpoints.add({
    method: 'get',
    path: '/model-downloads/',
    role: 'viewer',
    summary: 'List the downloads of models, newest first',
    tag,
    query: ModelDownloadListQuery,
    success: { status: 200, description: 'A page of downloads', schema: ModelDownloadListSchema },
    handle: async ({ query: { status, ...page } }) => {
      const where = status === undefined ? {} : { status };
      const order: [string, string][] = [['id', 'DESC']];
      const { rows, count } = await ModelDownload.findAndCountAll({ where, order, ...limitsOf(page) });
      return pageOf(await presentDownloads(rows), count, page);
    },
  });

  endpoints.add({
    method: 'get',
    path,
    role: 'viewer',
    summary: 'How far the download of a model is',
    tag,
    params: IdParams,
    success: { status: 200, description: 'The download', schema: ModelDownloadSchema },
    errors,
    handle: async ({ params: { id } }) => await presentDownload(await findDownload(id)),
  });

  const actions: [DownloadAction, string][] = [
    ['pause', 'Pause the download of a model; what it has fetched stays'],
    ['resume', 'Let a download go on that is paused or has failed'],
    ['cancel', 'Cancel the download of a model; what it has fetched is removed'],
  ];
  for (const [action, summary] of actions)
    endpoints.add({
      method: 'post',
      path: `${path}/${action}`,
      role: 'trainer',
      summary,
      tag,
      params: IdParams,
      success: { status: 200, description: 'The download', schema: ModelDownloadSchema },
      errors: { 400: 'It is in no state for that', ...errors },
      handle: async ({ params: { id } }) => await presentDownload(await actOnDownload(id, action)),
    });
}
