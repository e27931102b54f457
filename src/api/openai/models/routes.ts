import { z } from 'zod';
import { deleteNamedModel, findNamedModel, listNamedModels, type NamedModel } from '../../../commands/openai/models.ts';
import type { ApiDependencies } from '../../http/declaration.ts';
import type { Endpoints } from '../../http/endpoint.ts';
import { seconds } from '../lists.ts';

const tag = 'Models';
const MODEL = {
  id: 'HuggingFaceTB/SmolLM2-135M-Instruct',
  object: 'model' as const,
  created: 1_790_000_000,
  owned_by: 'base',
};

const ModelSchema = z
  .object({
    id: z.string(),
    object: z.literal('model'),
    created: z.int().openapi({ description: 'In seconds since 1970: when it came to this machine, or was trained' }),
    owned_by: z.string().openapi({ description: '`base`, or `tuned` for what was trained here' }),
  })
  .openapi('OpenAiModel', { example: MODEL });

const ModelListSchema = z
  .object({ object: z.literal('list'), data: z.array(ModelSchema) })
  .openapi('OpenAiModelList', { example: { object: 'list', data: [MODEL] } });

const DeletedModelSchema = z
  .object({ id: z.string(), object: z.literal('model'), deleted: z.literal(true) })
  .openapi('OpenAiDeletedModel', { example: { id: 'ft:gpt-4o-mini:local::7p4lURel', object: 'model', deleted: true } });

const ModelParams = z.object({ model: z.string().min(1).max(512) });

export function addOpenAiModels(endpoints: Endpoints, { env }: ApiDependencies): void {
  endpoints.add({
    method: 'get',
    path: '/models',
    role: 'viewer',
    summary: 'List base models that can be trained, their other names, and what was tuned',
    tag,
    success: { status: 200, description: 'Models', schema: ModelListSchema },
    handle: async () => ({ object: 'list', data: (await listNamedModels(env)).map(presentModel) }),
  });

  endpoints.add({
    method: 'get',
    path: '/models/{model}',
    // One client writes the slash of a name as it is.
    takesRestOfPath: true,
    role: 'viewer',
    summary: 'Get a model',
    tag,
    params: ModelParams,
    success: { status: 200, description: 'The model', schema: ModelSchema },
    errors: { 404: 'No such model' },
    handle: async ({ params: { model } }) => presentModel(await findNamedModel(model, env)),
  });

  endpoints.add({
    method: 'delete',
    path: '/models/{model}',
    takesRestOfPath: true,
    role: 'trainer',
    summary: 'Delete the model of a fine-tuning job: its name stands for nothing then; its files stay',
    tag,
    params: ModelParams,
    success: { status: 200, description: 'It is deleted', schema: DeletedModelSchema },
    errors: { 400: 'It is no model of a fine-tuning job', 404: 'No such model' },
    handle: async ({ params: { model } }) => {
      await deleteNamedModel(model, env);
      return { id: model, object: 'model', deleted: true };
    },
  });
}

function presentModel({ name, since, isTuned }: NamedModel): z.input<typeof ModelSchema> {
  return { id: name, object: 'model', created: seconds(since), owned_by: isTuned ? 'tuned' : 'base' };
}
