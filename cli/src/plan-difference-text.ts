/** `ihub plan --diff`: which namespace of which cluster is meant, and how the difference reads. */
import type { Colours } from './colours.js';
import { withCluster, type ClusterOptions } from './cluster-connection.js';
import type { Manifests } from './manifests.js';
import { planDifference, type Change, type PlanDifference } from './plan-difference.js';
import { UsageError } from './usage-error.js';

export interface ShownDifference extends PlanDifference {
  readonly namespace: string;
  readonly isNone: boolean;
}

/**
 * Holds manifests against the namespace that they name, else that of the options, else that of the context.
 *
 * @throws UsageError where the manifests can't be used or the cluster can't be asked
 */
export async function differenceWithCluster(
  manifests: Manifests,
  options: ClusterOptions,
): Promise<ShownDifference> {
  return withCluster(options, async ({ client, namespace: told }) => {
    const named = manifests.flows[0]!.metadata.namespace;
    // What names no namespace has been read as of this one.
    const namespace = named === 'default' ? told : named;
    if (options.namespace !== undefined && options.namespace !== namespace) {
      throw new UsageError(
        `the manifests are of the namespace ${namespace}, and -n says ${options.namespace}`,
      );
    }
    const difference = await planDifference(client, namespace, manifests);
    const { resources, objects, topics } = difference;
    return { namespace, isNone: resources.length + objects.length + topics.length === 0, ...difference };
  });
}

export function differenceLines(
  { namespace, isNone, resources, objects, topics, remarks }: ShownDifference,
  colours: Colours,
): string[] {
  const change = ({ change: what, object, difference }: Change): string[] => {
    if (difference !== undefined) return coloured(difference, colours);
    return [what === 'made' ? colours.green(`+ ${object}`) : colours.red(`- ${object}`)];
  };
  const section = (title: string, lines: string[]): string[] =>
    lines.length === 0 ? [] : ['', colours.bold(title), ...lines];
  return [
    isNone
      ? `Nothing would change in the namespace ${namespace}`
      : `What would change in the namespace ${namespace}:`,
    ...section('Resources', resources.flatMap(change)),
    ...section('Objects of the operator', objects.flatMap(change)),
    ...section(
      'Topics, as the resources have them',
      topics.map((one) => `~ ${one.topic}: ${one.change}`),
    ),
    ...section('Note', [...remarks]),
  ];
}

function coloured(difference: string, colours: Colours): string[] {
  const paints: Record<string, (text: string) => string> = {
    '+': colours.green,
    '-': colours.red,
    '@': colours.cyan,
  };
  return difference
    .trimEnd()
    .split('\n')
    .map((line) => (paints[line[0]!] ?? String)(line));
}
