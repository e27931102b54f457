import { z } from 'zod';
import { AskedQueueSchema } from '../../models/runs/queue-choices.ts';
import { downloadField, forceField } from '../http/shared-schema.ts';

/** Of what may have run before. */
const downloadAgainField = downloadField.openapi({
  description:
    'Fetch the base model from the Hugging Face hub if it is not on this machine: the run waits for it in the phase downloading_model. Left out: as the run before',
});

const queueAgainFields = {
  ...AskedQueueSchema.shape,
  priority: AskedQueueSchema.shape.priority.describe('Left out: as of the run before'),
};

/** Of a project whose run begins at step 0 whatever else is said. */
export const StartAfresh = z
  .strictObject({ force: forceField, download: downloadAgainField, ...queueAgainFields })
  .openapi('StartAfresh', { example: { force: false } });

export const StartAgain = z
  .strictObject({
    fresh: z
      .boolean()
      .default(false)
      .openapi({ description: 'Start at step 0 with the settings of now, not at the last checkpoint' }),
    force: forceField,
    download: downloadAgainField,
    ...queueAgainFields,
  })
  .openapi('StartAgain', { example: { fresh: false } });
