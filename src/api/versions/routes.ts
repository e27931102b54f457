import type { Transaction } from 'sequelize';
import { requireOwner } from '../../commands/runs/owners.ts';
import { linkToLatest, promote, rollBack } from '../../commands/versions/change-latest.ts';
import { headsOf, listVersions, withPromotions } from '../../commands/versions/list-versions.ts';
import type { Run } from '../../models/runs/run.ts';
import { Promotion } from '../../models/versions/promotion.ts';
import type { ApiDependencies } from '../http/declaration.ts';
import type { Endpoints } from '../http/endpoint.ts';
import { limitsOf, pageOf } from '../http/list-query.ts';
import { IdParams, pageQuery } from '../http/shared-schema.ts';
import { presentPromotion, presentVersion } from './present.ts';
import { PromoteRequest, PromotionListSchema, RollBackRequest, VersionListSchema, VersionSchema } from './schema.ts';

const tag = 'Versions';

/** The versions of a project's model, and which one is its latest. `/models/` has base models, which are no project's. */
export function addVersions(endpoints: Endpoints, { env }: ApiDependencies): void {
  endpoints.add({
    method: 'get',
    path: '/projects/{id}/versions',
    role: 'viewer',
    summary: 'The versions of a project’s model, newest first, and what its gate said of each',
    tag,
    params: IdParams,
    query: pageQuery(10),
    success: { status: 200, description: 'A page of versions', schema: VersionListSchema },
    errors: { 404: 'Project not found' },
    handle: async ({ params: { id }, query }) => {
      await requireOwner({ kind: 'project', id });
      const [heads, { versions, count }] = await Promise.all([headsOf(id), listVersions(id, limitsOf(query))]);
      const items = versions.map((version) => presentVersion(version, heads));
      return { ...pageOf(items, count, query), ...heads };
    },
  });

  endpoints.add({
    method: 'get',
    path: '/projects/{id}/promotions',
    role: 'viewer',
    summary: 'Which version was the latest of a project from when on, and why, newest first',
    tag,
    params: IdParams,
    query: pageQuery(10),
    success: { status: 200, description: 'A page of promotions', schema: PromotionListSchema },
    errors: { 404: 'Project not found' },
    handle: async ({ params: { id }, query }) => {
      await requireOwner({ kind: 'project', id });
      const { rows, count } = await Promotion.findAndCountAll({
        where: { project_id: id },
        include: 'run',
        order: [['id', 'DESC']],
        ...limitsOf(query),
      });
      const items = rows.map((row) => ({ version: row.run?.number ?? 0, ...presentPromotion(row) }));
      return pageOf(items, count, query);
    },
  });

  const asLatest = async (projectId: number, run: Run, transaction: Transaction) => {
    const [version] = await withPromotions([run], transaction);
    if (!version) throw new Error(`Run ${run.id} is no version.`);
    return presentVersion(version, await headsOf(projectId, transaction));
  };

  endpoints.add({
    method: 'post',
    path: '/projects/{id}/promote',
    role: 'trainer',
    summary: 'Make a version the latest of its project, whatever its gate said',
    tag,
    params: IdParams,
    body: PromoteRequest,
    creates: true,
    success: { status: 200, description: 'The version, which is the latest now', schema: VersionSchema },
    errors: { 400: 'It is the latest already, or has no model', 404: 'No such project, or no such version of it' },
    handle: async ({ params: { id }, body, once }) => {
      const answer = await once(async (transaction) => asLatest(id, await promote(id, body, transaction), transaction));
      await linkToLatest(env, id);
      return answer;
    },
  });

  endpoints.add({
    method: 'post',
    path: '/projects/{id}/rollback',
    role: 'trainer',
    summary: 'Make the version the latest again that was so before',
    tag,
    params: IdParams,
    body: RollBackRequest,
    creates: true,
    success: { status: 200, description: 'The version that is the latest again', schema: VersionSchema },
    errors: { 400: 'There is no earlier one, or its model is gone', 404: 'Project not found' },
    handle: async ({ params: { id }, body, once }) => {
      const answer = await once(async (transaction) =>
        asLatest(id, await rollBack(id, body.reason, transaction), transaction),
      );
      await linkToLatest(env, id);
      return answer;
    },
  });
}
