import type { DiskRoom } from '../datasets/disk-room.ts';
import type { ApiDependencies } from '../http/declaration.ts';
import type { Endpoints } from '../http/endpoint.ts';
import { addChat } from './chat/routes.ts';
import { addCompletions } from './completions/routes.ts';
import { addFiles } from './files/routes.ts';
import { addFineTuning } from './fine-tuning/routes.ts';
import { addOpenAiModels } from './models/routes.ts';
import { addUploads } from './uploads/routes.ts';

/** Everything under /v1. */
export function addOpenAi(endpoints: Endpoints, dependencies: ApiDependencies, room: DiskRoom): void {
  addFiles(endpoints, dependencies, room);
  addUploads(endpoints, dependencies, room);
  addFineTuning(endpoints, dependencies);
  addOpenAiModels(endpoints, dependencies);
  addChat(endpoints, dependencies);
  addCompletions(endpoints, dependencies);
}
