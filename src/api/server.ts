import Koa from 'koa';
import { incomingDir } from '../commands/datasets/storage.ts';
import { addAudit } from './audit/routes.ts';
import { addModelDownloads } from './base-models/download-routes.ts';
import { addModels } from './base-models/routes.ts';
import { DiskRoom } from './datasets/disk-room.ts';
import { addDatasets } from './datasets/routes.ts';
import { addHealth } from './health/routes.ts';
import { behindProxies } from './http/behind-proxies.ts';
import type { ApiDependencies } from './http/declaration.ts';
import { Endpoints } from './http/endpoint.ts';
import { logBrokenAnswers, renderErrors } from './http/errors.ts';
import { addDocs } from './http/openapi.ts';
import { checkSender, securityHeaders } from './http/sender.ts';
import { addJobs } from './jobs/routes.ts';
import { addKeys } from './keys/routes.ts';
import { RequestMetrics } from './monitoring/request-metrics.ts';
import { requestSpans } from './monitoring/request-spans.ts';
import { addMonitoring } from './monitoring/routes.ts';
import { addNotifications } from './notifications/routes.ts';
import { addOpenAi } from './openai/routes.ts';
import { OPENAI_WIRE } from './openai/wire.ts';
import { addPage } from './page/routes.ts';
import { addPlayground } from './playground/routes.ts';
import { addWorkers } from './pool/routes.ts';
import { addProjects } from './projects/routes.ts';
import { addQueue } from './queue/routes.ts';
import { addRuns } from './runs/routes.ts';
import { addSession } from './session/routes.ts';
import { addConfig } from './settings/routes.ts';
import { addStorage } from './storage/routes.ts';
import { addSweeps } from './sweeps/routes.ts';
import { addVersions } from './versions/routes.ts';

/** The whole API as a Koa application, with the page. The models must be connected. */
export function createApi(dependencies: ApiDependencies): Koa {
  const { env, logger } = dependencies;
  // One for all that comes in: what each may still write counts for the others.
  const room = new DiskRoom(incomingDir(env));
  const requests = new RequestMetrics();
  const endpoints = declareEndpoints(dependencies, room, requests);
  const { routes } = endpoints;
  const openAi = new Endpoints(dependencies, { wire: OPENAI_WIRE, routes });
  addOpenAi(openAi, dependencies, room);
  addDocs(routes, [endpoints, openAi]);
  addPage(routes);

  const app = new Koa();
  app.on('error', logBrokenAnswers(logger));
  app.use(requests.middleware);
  app.use(requestSpans);
  app.use(behindProxies(env));
  app.use(securityHeaders());
  app.use(renderErrors(logger, [OPENAI_WIRE]));
  app.use(checkSender(env));
  routes.addTo(app);
  return app;
}

/** Everything under /api/v1. */
export function declareEndpoints(
  dependencies: ApiDependencies,
  room = new DiskRoom(incomingDir(dependencies.env)),
  requests = new RequestMetrics(),
): Endpoints {
  const endpoints = new Endpoints(dependencies);
  addHealth(endpoints, dependencies);
  addMonitoring(endpoints, dependencies, requests);
  addSession(endpoints);
  addKeys(endpoints, dependencies);
  addDatasets(endpoints, dependencies, room);
  addJobs(endpoints, dependencies);
  addProjects(endpoints, dependencies);
  addSweeps(endpoints, dependencies);
  addVersions(endpoints, dependencies);
  addRuns(endpoints, dependencies);
  addQueue(endpoints, dependencies);
  addModels(endpoints, dependencies);
  addModelDownloads(endpoints, dependencies);
  addPlayground(endpoints, dependencies);
  addConfig(endpoints, dependencies);
  addWorkers(endpoints, dependencies);
  addNotifications(endpoints, dependencies);
  addAudit(endpoints);
  addStorage(endpoints, dependencies);
  return endpoints;
}
