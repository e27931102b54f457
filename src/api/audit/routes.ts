import type { z } from 'zod';
import { type AuditRow, readAudit } from '../../models/audit/read-audit.ts';
import type { Endpoints } from '../http/endpoint.ts';
import { badRequest } from '../http/errors.ts';
import { date } from '../http/shared-schema.ts';
import { AuditListSchema, AuditQuery, type AuditRowSchema } from './schema.ts';

/** Who did what. The framework writes it: src/api/http/audit.ts. */
export function addAudit(endpoints: Endpoints): void {
  endpoints.add({
    method: 'get',
    path: '/audit/',
    role: 'admin',
    summary: 'Who changed what, and who was refused for their key or its role; newest first',
    tag: 'Keys',
    query: AuditQuery,
    success: { status: 200, description: 'A page of the list', schema: AuditListSchema },
    errors: { 400: 'entity_id without entity' },
    handle: async ({ query: { limit, after, who, entity, entity_id, outcome, since, until } }) => {
      if (entity_id !== undefined && entity === undefined)
        throw badRequest(`entity_id is ${entity_id}, and entity is not there. Say of which kind it is: entity=job.`);
      const { rows, hasMore } = await readAudit(
        {
          who,
          entity: entity === undefined ? undefined : { kind: entity, id: entity_id },
          outcome,
          since: dateOf(since),
          until: dateOf(until),
          before: after === undefined ? undefined : placeOf(after),
        },
        limit,
      );
      const last = rows.at(-1);
      return {
        items: rows.map(presentAuditRow),
        next: last && hasMore ? `${last.created_at.getTime()}-${last.id}` : null,
      };
    },
  });
}

function presentAuditRow(row: AuditRow): z.input<typeof AuditRowSchema> {
  const { id, created_at, key_name, key_id, role, address, method, route, changes, outcome, status } = row;
  return {
    id,
    at: date(created_at),
    who: key_name,
    key_id,
    role,
    address,
    method,
    route,
    entity: { kind: row.entity_kind, id: row.entity_id, name: row.entity_name },
    changes,
    outcome,
    status,
    ended_at: date(row.ended_at),
    replayed: row.replayed,
    request_id: row.request_id,
  };
}

function dateOf(text: string | undefined): Date | undefined {
  return text === undefined ? undefined : new Date(text);
}

function placeOf(text: string): { at: Date; id: number } {
  const [at, id] = text.split('-').map(Number);
  return { at: new Date(at ?? 0), id: id ?? 0 };
}
