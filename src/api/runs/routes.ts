import { z } from 'zod';
import { findRun, type RunOwner, requireOwner, runsOf } from '../../commands/runs/owners.ts';
import { Checkpoint } from '../../models/runs/checkpoint.ts';
import { descentOf } from '../../models/runs/descent.ts';
import { withPlaces } from '../../models/runs/latest-run.ts';
import { Run } from '../../models/runs/run.ts';
import { pinnedRevision } from '../../runs/pinned-model.ts';
import type { ApiDependencies } from '../http/declaration.ts';
import type { Endpoints } from '../http/endpoint.ts';
import { limitsOf, pageOf } from '../http/list-query.ts';
import { pageQuery } from '../http/shared-schema.ts';
import { addAllRuns } from './all-runs.ts';
import { addRunExports } from './export-routes.ts';
import { readReport } from './files.ts';
import { HorizonWatch } from './horizon-watch.ts';
import { addRunMixture } from './mixture-routes.ts';
import { addRunOutput } from './output-routes.ts';
import { addRunPin } from './pin-routes.ts';
import { presentCheckpoint, presentOneRun } from './present.ts';
import { addRunProgress } from './progress-routes.ts';
import { addRunQuery } from './query-routes.ts';
import { ReportSchema } from './report-schema.ts';
import { runsOfKind } from './runs-of-kind.ts';
import { CheckpointsSchema, RunListSchema, RunQuery } from './schema.ts';
import { addRunTrackers } from './tracker-routes.ts';
import { addRunVotes } from './vote-routes.ts';

/** The report links to its picture: they lie beside each other. */
const REPORT_FILES = [
  {
    name: 'report',
    file: 'report.json',
    summary: 'How the trained model compares with its base, and what it was made from',
    contentType: 'application/json',
    schema: ReportSchema,
  },
  {
    name: 'report.md',
    file: 'report.md',
    summary: 'The same for people, in Markdown',
    contentType: 'text/markdown',
    schema: z.string().openapi({ example: '# org/model, fine-tuned: report\n' }),
  },
  {
    name: 'curves.png',
    file: 'curves.png',
    summary: 'The losses and the learning rate of a run by step, as a picture',
    contentType: 'image/png',
    schema: z.string().openapi({ format: 'binary', example: '(the bytes of the picture)' }),
  },
];

/** The same endpoints for the runs of jobs and of projects. */
export function addRuns(endpoints: Endpoints, dependencies: ApiDependencies): void {
  const horizon = new HorizonWatch(dependencies.logger);
  addAllRuns(endpoints);
  for (const kind of ['job', 'project'] as const) addRunsOf(kind, endpoints, dependencies, horizon);
}

function addRunsOf(
  kind: RunOwner['kind'],
  endpoints: Endpoints,
  dependencies: ApiDependencies,
  horizon: HorizonWatch,
): void {
  const { env } = dependencies;
  const runsOfThese = runsOfKind(kind);
  const { path, common, errors } = runsOfThese;

  endpoints.add({
    ...common,
    path: `${path}/runs`,
    role: 'viewer',
    summary: `List the runs of a ${kind}, newest first`,
    query: pageQuery(10),
    success: { status: 200, description: 'A page of runs', schema: RunListSchema },
    errors: { 404: `No such ${kind}` },
    handle: async ({ params: { id }, query }) => {
      const owner = { kind, id };
      await requireOwner(owner);
      const [{ rows, count }, all] = await Promise.all([
        Run.findAndCountAll({
          attributes: { exclude: ['gate', 'held_out'] },
          where: runsOf(owner),
          order: [['number', 'DESC']],
          ...limitsOf(query),
        }),
        Run.findAll({ where: runsOf(owner), attributes: ['id', 'number'] }),
      ]);
      const numbers = new Map(all.map((run) => [run.id, run.number]));
      const [descent, placed] = await Promise.all([descentOf(rows), withPlaces(rows)]);
      const items = await Promise.all(
        placed.map(async (run) => presentOneRun(run, numbers, await pinnedRevision(env, run), descent)),
      );
      return pageOf(items, count, query);
    },
  });

  addRunProgress(endpoints, runsOfThese, env, horizon);

  endpoints.add({
    ...common,
    path: `${path}/checkpoints`,
    role: 'viewer',
    summary: 'The checkpoints of a run, newest first',
    query: RunQuery,
    success: { status: 200, description: 'The checkpoints', schema: CheckpointsSchema },
    errors,
    handle: async ({ params: { id }, query }) => {
      const run = await findRun({ kind, id }, query.run);
      const found = await Checkpoint.findAll({ where: { run_id: run.id }, order: [['id', 'DESC']] });
      return { run_number: run.number, items: found.map(presentCheckpoint) };
    },
  });

  for (const { name, file, summary, contentType, schema } of REPORT_FILES) {
    endpoints.add({
      ...common,
      path: `${path}/${name}`,
      role: 'viewer',
      summary,
      query: RunQuery,
      success: { status: 200, description: 'The file', schema, contentType },
      errors: { ...errors, 404: `No such ${kind} or run, or it has not been validated` },
      handle: async ({ params: { id }, query, ctx }) => {
        const content = await readReport(env, await findRun({ kind, id }, query.run), file);
        ctx.type = contentType;
        return content;
      },
    });
  }

  addRunMixture(endpoints, runsOfThese, env);

  addRunOutput(endpoints, runsOfThese);
  addRunQuery(endpoints, runsOfThese, dependencies);
  addRunVotes(endpoints, runsOfThese, env);
  addRunExports(endpoints, runsOfThese, env);
  addRunPin(endpoints, runsOfThese, env);
  addRunTrackers(endpoints, runsOfThese);
}
