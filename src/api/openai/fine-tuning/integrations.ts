import { z } from 'zod';
import type { WandbIntegration } from '../../../models/openai/openai-job.ts';

/** What wandb's client refuses in a project's name (0.31 of PyPI): it would refuse it when the run ends. */
const PROJECT_OF_WANDB = /^[^/\\#?%:]+$/;

/** Left out and null mean the same, as in the rest of a job. */
export const Integrations = z
  .array(
    z.strictObject({
      type: z.literal('wandb', 'must be "wandb": there are no other integrations'),
      wandb: z.strictObject({
        project: z
          .string()
          .min(1)
          .max(128)
          .regex(PROJECT_OF_WANDB, 'must have none of the characters / \\ # ? % :, as wandb wants it'),
        name: z
          .string()
          .min(1)
          .max(255)
          .nullable()
          .optional()
          .openapi({ description: "Of the run there; the job's id where there is none" }),
        entity: z.string().min(1).max(255).nullable().optional(),
        tags: z.array(z.string().min(1).max(64)).max(64).nullable().optional(),
      }),
    }),
  )
  .max(1, 'must have one at most: a run has one file for W&B')
  .nullable()
  .optional()
  .openapi({ description: 'W&B, where MTM_WANDB_DIR is set: its files have this project, name, entity and tags' });

export const ShownIntegrations = z.array(
  z.object({
    type: z.literal('wandb'),
    wandb: z.object({
      project: z.string(),
      name: z.string().nullable(),
      entity: z.string().nullable(),
      tags: z.array(z.string()),
    }),
  }),
);

/** Undefined: none is asked for. */
export function wandbAskedBy(sent: z.output<typeof Integrations>): WandbIntegration | undefined {
  const [first] = sent ?? [];
  if (!first) return undefined;
  const { project, name, entity, tags } = first.wandb;
  return { project, name: name ?? null, entity: entity ?? null, tags: tags ?? [] };
}

export function presentIntegrations(wandb: WandbIntegration | undefined): z.input<typeof ShownIntegrations> {
  return wandb ? [{ type: 'wandb', wandb }] : [];
}
