/** What every resource of ours has in front of its spec. */
import { z } from 'zod';
import { textMatching, withRule } from './cel-rule.js';

/** The API group and version of all resources. */
export const apiVersion = 'integrationhub.dev/v1alpha1';

/**
 * A resource's name. Short enough that `<name>-transformer` and a hash still make a Kubernetes object name, fit for a
 * Service's name (which begins with a letter), and free of the dots that separate the parts of a topic's name.
 */
export const resourceName = withRule(
  textMatching(
    /^[a-z]([a-z0-9-]*[a-z0-9])?$/,
    253,
    'must be lower-case letters, digits and hyphens, begin with a letter and end with a letter or digit, such as phw-to-mpi',
  ),
  {
    cel: 'size(self) <= 45',
    holds: (name) => name.length <= 45,
    message: 'must be at most 45 characters, so that the names made from it fit',
  },
);

/** A name that Kubernetes gave out or checks itself: of a namespace, a Secret. */
export const kubernetesName = textMatching(
  /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/,
  63,
  'must be lower-case letters, digits and hyphens, and begin and end with a letter or digit',
);

/** Kubernetes' object metadata as far as we read it; what else is there (uid, managedFields …) is left alone. */
export const metadata = z.looseObject({
  name: resourceName,
  namespace: kubernetesName.default('default'),
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
});

/** A TCP port that something listens on. */
export const port = z
  .int('must be a whole number')
  .min(1, 'must be from 1 to 65535')
  .max(65535, 'must be from 1 to 65535')
  .meta({ format: 'int32' });
