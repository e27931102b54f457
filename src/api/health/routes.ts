import { z } from 'zod';
import { backupStanding } from '../../models/backups/backup-schedule.ts';
import { MIGRATION_NAMES } from '../../models/migrations.ts';
import { Run } from '../../models/runs/run.ts';
import { appliedMigrations } from '../../models/schema.ts';
import { VERSION } from '../../platform/version.ts';
import type { ApiDependencies } from '../http/declaration.ts';
import type { Endpoints } from '../http/endpoint.ts';

const BackupsSchema = z
  .object({
    status: z.enum(['waiting', 'ok', 'failing', 'late']).openapi({
      description: 'waiting: there is none yet. late: the last is older than one and a half times the interval',
    }),
    last_success_at: z.iso.datetime().nullable().openapi({ description: 'As of when the last verified one is' }),
    failing_since: z.iso.datetime().nullable(),
    trouble: z.string().nullable().openapi({ description: 'What is wrong, and where to look' }),
  })
  .openapi('ScheduledBackups');

const HealthSchema = z
  .object({
    status: z.enum(['healthy', 'degraded']),
    version: z.string(),
    schema: z.object({ database: z.string().nullable(), service: z.string() }).openapi({
      description:
        'The latest migration that the database has (null while it is away), and the latest of this version: they differ only in the seconds after another version has migrated the database',
    }),
    environment: z.string(),
    components: z.object({ database: z.enum(['up', 'down']), temporal: z.enum(['up', 'down']) }),
    backups: BackupsSchema.nullable().openapi({
      description: 'Backups that the service makes by itself; null: none are scheduled, or the database is away',
    }),
    workflows_url: z.string().nullable().openapi({
      description: "Where Temporal's Web UI has the workflows of runs; a run's is below it, by its workflow_id",
    }),
  })
  .openapi('Health', {
    example: {
      status: 'healthy',
      version: '1.0.0',
      schema: { database: '0040-schema-versions', service: '0040-schema-versions' },
      environment: 'production',
      components: { database: 'up', temporal: 'up' },
      backups: { status: 'ok', last_success_at: '2026-03-01T03:00:00.000Z', failing_since: null, trouble: null },
      workflows_url: 'http://127.0.0.1:8233/namespaces/default/workflows',
    },
  });

/** Always 200, so that a probe tells a slow part from a dead API; `status` and `components` say which part is away. */
function createHealth({ env, orchestration }: ApiDependencies) {
  const workflows_url = env.temporalUiUrl ? `${env.temporalUiUrl}/namespaces/${env.temporalNamespace}/workflows` : null;
  return async () => {
    const [schema, temporal] = await Promise.all([schemaOfDatabase(), orchestration.isHealthy()]);
    const backups = schema === null ? null : await backupsNow();
    return {
      status: schema !== null && temporal ? 'healthy' : 'degraded',
      version: VERSION,
      schema: { database: schema, service: MIGRATION_NAMES.at(-1) ?? '' },
      environment: env.environment,
      components: { database: schema !== null ? 'up' : 'down', temporal: temporal ? 'up' : 'down' },
      backups,
      workflows_url,
    };
  };
}

/** Null while the database does not answer. */
async function schemaOfDatabase(): Promise<string | null> {
  try {
    return Run.sequelize ? ((await appliedMigrations(Run.sequelize)).at(-1)?.name ?? '') : null;
  } catch {
    return null;
  }
}

/** For anybody: folders and reasons are for the log. */
const TROUBLES = {
  failing:
    'The last scheduled backup failed, and is tried again. The log of the orchestrator says why, and so does the workflow `backup…` in Temporal.',
  late: 'The last scheduled backup is too old. Does the orchestrator run, and is the schedule `backups` in Temporal paused?',
};

async function backupsNow(): Promise<z.input<typeof BackupsSchema> | null> {
  const standing = await backupStanding().catch(() => null);
  if (standing === null) return null;
  const { status, lastSuccessAt, failingSince } = standing;
  return {
    status,
    last_success_at: lastSuccessAt?.toISOString() ?? null,
    failing_since: failingSince?.toISOString() ?? null,
    trouble: status === 'failing' || status === 'late' ? TROUBLES[status] : null,
  };
}

/** Open, for probes: under the base path, and at the root, where they look. */
export function addHealth(endpoints: Endpoints, dependencies: ApiDependencies): void {
  const health = createHealth(dependencies);
  endpoints.add({
    method: 'get',
    path: '/health',
    summary: 'Health of the API, and of the database and Temporal behind it',
    tag: 'Health',
    open: true,
    alone: true,
    success: { status: 200, description: 'The API answers', schema: HealthSchema },
    handle: health,
  });
  endpoints.routes.add({
    method: 'get',
    path: '/health',
    open: true,
    handle: async (ctx) => {
      ctx.body = await health();
    },
  });
}
