import type { Endpoints } from '../http/endpoint.ts';
import { ApiError } from '../http/errors.ts';
import { presentUpload } from './present.ts';
import { UploadListSchema, UploadParams } from './schema.ts';
import type { Uploads } from './uploads.ts';

const tag = 'Datasets';

/** The uploads that are under way. Before `/datasets/{id}`, which would take their word for an id. */
export function addUploads(endpoints: Endpoints, uploads: Uploads): void {
  endpoints.add({
    method: 'get',
    path: '/datasets/uploads',
    role: 'viewer',
    summary: 'How far the uploads are that are no dataset yet',
    tag,
    success: { status: 200, description: 'Uploads, oldest first', schema: UploadListSchema },
    alone: true,
    handle: async () => ({ items: uploads.list().map(presentUpload) }),
  });

  endpoints.add({
    method: 'delete',
    path: '/datasets/uploads/{id}',
    role: 'trainer',
    summary: 'Cancel an upload: its request is answered with 409, and nothing of it stays',
    tag,
    params: UploadParams,
    success: { status: 204, description: 'Cancelled' },
    errors: { 404: 'No such upload is going on', 409: 'It is being saved as a dataset already' },
    handle: async ({ params: { id } }) => {
      const reason = new ApiError(409, `The upload ${id} was cancelled. Send it again if it is wanted after all.`);
      const outcome = uploads.cancel(id, reason);
      if (outcome === 'too late')
        throw new ApiError(409, `The upload ${id} is being saved already. Delete its dataset when it is there.`);
      if (outcome === 'unknown')
        throw new ApiError(404, `There is no upload ${id} going on. See GET /datasets/uploads.`);
    },
  });
}
