import { carryOutDecided, cleanDue, findDue, wouldGo } from '../../commands/storage/clean.ts';
import { storageOverview } from '../../commands/storage/overview.ts';
import { Removal } from '../../models/storage/removal.ts';
import { STORAGE_KINDS } from '../../models/storage/retention.ts';
import type { ApiDependencies } from '../http/declaration.ts';
import type { Endpoints } from '../http/endpoint.ts';
import { limitsOf, pageOf } from '../http/list-query.ts';
import { presentCleaned, presentOverview, presentRemoval } from './present.ts';
import { CleanedSchema, CleanRequest, RemovalsQuery, RemovalsSchema, StorageSchema } from './schema.ts';

const tag = 'Storage';

export function addStorage(endpoints: Endpoints, { env, logger }: ApiDependencies): void {
  endpoints.add({
    method: 'get',
    path: '/storage',
    role: 'viewer',
    summary: 'What takes what, as it was measured last, and what the policies remove next',
    tag,
    success: { status: 200, description: 'Kinds, disks and forecasts', schema: StorageSchema },
    handle: async () => presentOverview(await storageOverview(env)),
  });

  endpoints.add({
    method: 'post',
    path: '/storage/clean',
    role: 'admin',
    summary: 'Remove what is due by the policies now, or say what would go; nothing that is not due goes',
    tag,
    body: CleanRequest,
    success: {
      status: 200,
      description: 'What goes, or would; files are removed behind the answer',
      schema: CleanedSchema,
    },
    creates: true,
    mayTakeLong: true,
    handle: async ({ body: { kinds = STORAGE_KINDS, dry_run }, idempotencyKey, once, slowly }) => {
      const found = await slowly([kinds, idempotencyKey()], () => findDue(env, kinds));
      if (dry_run) return presentCleaned(wouldGo(found), dry_run, found.isMore);
      const answer = await once(async (transaction) =>
        presentCleaned(await cleanDue(env, found, transaction), dry_run, found.isMore),
      );
      carryOutDecided(env, kinds, logger).catch((err: unknown) =>
        logger.warn({ err }, 'The next pass of the policies removes what was asked for.'),
      );
      return answer;
    },
  });

  endpoints.add({
    method: 'get',
    path: '/storage/removals',
    role: 'viewer',
    summary: 'What policies removed, newest first, and why: of the last 10,000 things',
    tag,
    query: RemovalsQuery,
    success: { status: 200, description: 'A page of removals', schema: RemovalsSchema },
    handle: async ({ query }) => {
      const { rows, count } = await Removal.findAndCountAll({ order: [['id', 'DESC']], ...limitsOf(query) });
      return pageOf(rows.map(presentRemoval), count, query);
    },
  });
}
