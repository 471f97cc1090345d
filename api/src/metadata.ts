/** What every resource of ours has in front of its spec. */
import { z } from 'zod';

/** The API group and version of all resources. */
export const apiVersion = 'integrationhub.dev/v1alpha1';

/**
 * A resource's name. Short enough that `<name>-transformer` and a hash still make a Kubernetes object name, and
 * free of the dots that separate the parts of a topic's name.
 */
export const resourceName = z
  .string()
  .regex(
    /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/,
    'must be lower-case letters, digits and hyphens, and begin and end with a letter or digit, such as phw-to-mpi',
  )
  .max(45, 'must be at most 45 characters, so that the names made from it fit');

/** Kubernetes' object metadata as far as we read it; what else is there (uid, managedFields …) is left alone. */
export const metadata = z.looseObject({
  name: resourceName,
  namespace: resourceName.default('default'),
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
});

/** A TCP port that something listens on. */
export const port = z
  .int('must be a whole number')
  .min(1, 'must be from 1 to 65535')
  .max(65535, 'must be from 1 to 65535');
