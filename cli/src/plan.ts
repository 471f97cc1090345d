import type { Plan, Stage, Topic } from '@integration-hub/api';
import type { Command } from 'commander';
import { colours } from './colours.js';
import { clusterOptions, type ClusterOptions } from './cluster-connection.js';

interface PlanOptions extends ClusterOptions {
  file: string[];
  configuration?: boolean;
  diff?: true;
  json?: true;
}

const EXAMPLE = `
Nothing is made, and no Kafka or cluster is asked. Everything that can be wrong with manifests, mappings and
expressions is said, as ihub up says it before it starts anything.

With --diff the manifests are held against a namespace of a cluster: what applying them would change in it, and then
the operator. Nothing is written. The API server is asked what it would make of changed objects, by a dry run, for
which it wants the right to patch them.

Exit code: 0 when the manifests can be used, 2 when not. With --diff: 0 when nothing would change, 1 when something
would, 2 for manifests that can't be used or a cluster that can't be asked.

Examples:
  $ ihub plan -f manifests/flows
  $ ihub plan -f manifests/flows --json | jq '.stages[] | select(.role == "listener").ports'
  $ ihub plan -f manifests/flows --diff -n hospital
`;

/** Adds `ihub plan`. */
export function register(program: Command): void {
  const command = program
    .command('plan')
    .description('Show the topics and stages that manifests make')
    .requiredOption('-f, --file <path>', 'a manifest, or a folder of them; repeatable', collect)
    .option('--configuration', 'show all settings of the topics and of each stage’s workers')
    .option('--diff', 'show what applying them would change in a cluster')
    .option('--json', 'one JSON object');
  clusterOptions(command)
    .addHelpText('after', EXAMPLE)
    .action((options: PlanOptions) => (options.diff ? showDifference(options) : showPlan(options)));
}

function collect(value: string, former: string[] = []): string[] {
  return [...former, value];
}

async function showDifference({ file, json, ...options }: PlanOptions): Promise<void> {
  const { differenceLines, differenceWithCluster } = await import('./plan-difference-text.js');
  const { readManifests } = await import('./manifests.js');
  const difference = await differenceWithCluster(await readManifests(file), options);
  console.log(json ? JSON.stringify(difference) : differenceLines(difference, colours).join('\n'));
  process.exitCode = difference.isNone ? 0 : 1;
}

async function showPlan({ file, configuration = false, json }: PlanOptions): Promise<void> {
  // Loaded only here, as checking a plan needs the workers.
  const [{ plainHub, soundPlan }, { readManifests }] = await Promise.all([
    import('./local-plan.js'),
    import('./manifests.js'),
  ]);
  const { hub, flows, destinations } = await readManifests(file);
  const plan = soundPlan(hub ?? plainHub(['localhost:9092']), flows, destinations);
  if (json) {
    console.log(JSON.stringify({ hub: hub?.metadata.name ?? null, ...plan }));
    return;
  }
  const zones = hub?.spec.zones.join(', ') || 'none';
  const heading =
    hub === undefined
      ? 'No Hub in the manifests: no zones, one copy of each record'
      : `Hub ${hub.metadata.name}: Kafka ${hub.spec.kafka.bootstrapServers.join(', ')}, zones: ${zones}`;
  console.log([heading, ...(await lines(plan, configuration))].join('\n'));
}

/** Stages and topics under the resource that wants them. */
async function lines({ topics, stages }: Plan, all: boolean): Promise<string[]> {
  const { stringify } = await import('yaml');
  const entries = [
    ...stages.map((stage) => ({
      of: stage,
      cells: stageCells(stage),
      settings: stage.configuration,
    })),
    ...topics.map((topic) => ({ of: topic, cells: topicCells(topic), settings: topic.config })),
  ];
  const widths = entries[0]!.cells.map((_, column) =>
    Math.max(...entries.map(({ cells }) => cells[column]!.length)),
  );
  const owners = [...new Set(entries.map(({ of }) => of.owner))];
  return owners.flatMap((owner) => [
    '',
    colours.bold(owner),
    ...entries
      .filter(({ of }) => of.owner === owner)
      .flatMap(({ cells, settings }) => [
        `  ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join('  ')}`.trimEnd(),
        ...(all ? [colours.dim(stringify(settings).trimEnd().replace(/^/gm, '      '))] : []),
      ]),
  ]);
}

function stageCells(stage: Stage): string[] {
  return [stage.role, stage.name, counted(stage.replicas, 'replica'), does(stage)];
}

function does({ configuration, ports }: Stage): string {
  switch (configuration.role) {
    case 'listener':
      return `listens on port ${ports.map(({ port }) => port).join(', ')}, stores in ${configuration.topic}`;
    case 'transformer': {
      const { mapping, routes } = configuration;
      const to = routes.map(({ destination, when }) =>
        when === null ? destination : `${destination} (filtered)`,
      );
      return `mapping ${mapping}, writes for ${to.join(', ')}`;
    }
    case 'sender': {
      const { mllp, messagesPerMinute } = configuration;
      const pace = messagesPerMinute === null ? '' : `, ${messagesPerMinute} messages a minute`;
      return `delivers to ${mllp.host}:${mllp.port}${pace}`;
    }
    case 'archivist': {
      const { host, port, name } = configuration.database;
      return `keeps all of them in PostgreSQL at ${host}:${port}, database ${name}`;
    }
    case 'console':
      return `serves the web console on port ${configuration.listen.port}`;
  }
}

function topicCells({ name, partitions, replicationFactor, config }: Topic): string[] {
  const copies =
    replicationFactor === 1
      ? '1 copy'
      : `${replicationFactor} copies, ${config['min.insync.replicas']!} in sync`;
  const days = Number(config['retention.ms']) / 86_400_000;
  const kept = days < 0 ? 'kept for ever' : `kept ${Number(days.toFixed(1))} days`;
  return ['topic', name, counted(partitions, 'partition'), `${copies}, ${kept}`];
}

function counted(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
