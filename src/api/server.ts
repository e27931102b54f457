import Router from '@koa/router';
import Koa from 'koa';
import { addConfig } from './config/routes.ts';
import { addDatasets } from './datasets/routes.ts';
import { type ApiDependencies, Endpoints } from './endpoint.ts';
import { renderErrors } from './errors.ts';
import { checkSender, requireApiKey, securityHeaders } from './guard.ts';
import { addHealth, createHealth } from './health/routes.ts';
import { addJobs } from './jobs/routes.ts';
import { checkMethod } from './methods.ts';
import { addModels } from './models/routes.ts';
import { docsRoutes } from './openapi.ts';
import { addProjects } from './projects/routes.ts';
import { addRuns } from './runs/routes.ts';
import { addWorkers } from './workers/routes.ts';

/** The whole API as a Koa application. The models must be connected. */
export function createApi(dependencies: ApiDependencies): Koa {
  const { env, logger, sequelize } = dependencies;
  const endpoints = new Endpoints(sequelize);
  addHealth(endpoints, dependencies);
  addDatasets(endpoints, dependencies);
  addJobs(endpoints, dependencies);
  addProjects(endpoints, dependencies);
  addRuns(endpoints, dependencies);
  addModels(endpoints, dependencies);
  addConfig(endpoints);
  addWorkers(endpoints, dependencies);

  const root = new Router();
  const health = createHealth(dependencies);
  root.get('/health', async (ctx) => {
    ctx.body = await health();
  });

  const app = new Koa();
  app.use(securityHeaders());
  app.use(renderErrors(logger));
  app.use(checkSender(env));
  app.use(requireApiKey(env));
  const routers = [endpoints.router, root, docsRoutes(endpoints)];
  app.use(checkMethod(routers));
  for (const router of routers) app.use(router.routes());
  return app;
}
