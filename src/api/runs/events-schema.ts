import { z } from 'zod';
import { whichRun } from './schema.ts';

export const STREAM_PLACE = /^(0|[1-9][0-9]{0,18})-[0-9]{1,15}$/;
export const EventsQuery = z.strictObject({
  ...whichRun,
  after: z
    .string()
    .regex(STREAM_PLACE, 'must be the id of an event, like 812-93')
    .optional()
    .openapi({ description: 'Id of the last event seen; the header Last-Event-ID says the same', example: '812-93' }),
  steps: z.enum(['all', 'new']).default('all').openapi({
    description: 'new: of steps those alone that are done from now on; what was before is in the curves',
  }),
  access_token: z.string().optional().openapi({
    description: "An API key, for clients that cannot send Authorization, such as a browser's EventSource",
  }),
});
export const EventsHeaders = z.object({
  'Last-Event-ID': z
    .string()
    .optional()
    .openapi({ description: 'Id of the last event seen; one that is none of this API is ignored', example: '812-93' }),
});
/** What each event of the stream has. */
export const EventSchema = z
  .object({
    id: z.string().optional().openapi({ description: 'For Last-Event-ID' }),
    event: z.string().openapi({
      description:
        'status, phase, step, checkpoint, log, … or, at the end of the run, end. spans, at the first step of each attempt and before the first comparison of a validation, says where the time went until then: each has a name, from_s (0 is when the trainer said hello), and seconds; they may lie within one another.',
    }),
    data: z.string().openapi({ description: 'JSON' }),
  })
  .openapi('RunEvent', { example: { id: '812-93', event: 'step', data: '{"step": 7, "loss": 0.749}' } });
