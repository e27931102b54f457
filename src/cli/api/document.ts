import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { BUILT } from '../../platform/built-files.ts';

const AlternativeSchema = z.looseObject({
  type: z.union([z.string(), z.array(z.string())]).optional(),
  enum: z.array(z.string()).optional(),
  description: z.string().optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
});
const PropertySchema = AlternativeSchema.extend({ anyOf: z.array(AlternativeSchema).optional() });

/** What a field may be, where it may be one of several. */
export type Alternative = z.output<typeof AlternativeSchema>;

/** A field of a request, as the OpenAPI document has it. */
export type Property = z.output<typeof PropertySchema>;

const ComponentSchema = z.looseObject({
  properties: z.record(z.string(), PropertySchema),
  required: z.array(z.string()).optional(),
});

const DocumentSchema = z.object({ components: z.object({ schemas: z.record(z.string(), z.unknown()) }) });

let known: z.output<typeof DocumentSchema> | undefined;

/** A schema of the OpenAPI document that bin/build.mjs keeps beside the code. */
export function componentOf(name: 'JobCreate' | 'JobPlanRequest' | 'ProjectCreate'): z.output<typeof ComponentSchema> {
  known ??= DocumentSchema.parse(JSON.parse(readFileSync(BUILT.openapi, 'utf8')));
  return ComponentSchema.parse(known.components.schemas[name]);
}
