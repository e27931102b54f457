import type { ApiDependencies } from '../http/declaration.ts';
import type { Endpoints } from '../http/endpoint.ts';
import { addFiles } from './files/routes.ts';
import { addFineTuning } from './fine-tuning/routes.ts';
import { addOpenAiModels } from './models/routes.ts';

/** Everything under /v1. */
export function addOpenAi(endpoints: Endpoints, dependencies: ApiDependencies): void {
  addFiles(endpoints, dependencies);
  addFineTuning(endpoints, dependencies);
  addOpenAiModels(endpoints, dependencies);
}
