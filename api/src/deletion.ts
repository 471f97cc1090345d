/** What happens when a flow or a destination is deleted: the same for both. */
import { z } from 'zod';
import { duration } from './quantity.js';

export const deletion = {
  deletionPolicy: z
    .enum(['Keep', 'Delete'], 'must be Keep (the topics stay) or Delete (the topics go, with what they hold)')
    .default('Keep')
    .describe(
      'What becomes of the resource’s Kafka topics when it is deleted: Keep leaves them, with every message and dead letter in them; Delete removes them, and what they hold is lost.',
    ),
  drainTimeout: duration('0s', '7d')
    .default('10m')
    .describe(
      'How long a deletion may wait for the messages under way to be delivered. After that the workers are removed all the same; what was not delivered stays in the topics where deletionPolicy is Keep.',
    ),
};
