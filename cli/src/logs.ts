import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { colours } from './colours.js';
import { clusterOptions, withCluster, type ClusterOptions } from './cluster-connection.js';
import { isWanted, LEVELS, readableLine, type Level, type LogFilter } from './logs-line.js';
import { LogMerge } from './logs-merge.js';
import { duration } from './option-value.js';
import { onStopSignal } from './stop-signal.js';

interface LogsOptions extends ClusterOptions {
  data?: string;
  stage?: string;
  destinations?: true;
  follow?: true;
  since?: number;
  level: Level;
  correlation?: string;
  controlId?: string;
  json?: true;
}

/** Whose logs are wanted, and since when and until when. */
export interface LogWish {
  readonly flow: string;
  readonly withDestinations: boolean;
  /** All roles where absent. */
  readonly role?: string;
  /** Lines from then on, as Date.now(). */
  readonly since?: number;
  /** Where given, logs are followed until it is aborted. */
  readonly signal?: AbortSignal;
}

interface Filter extends LogFilter {
  readonly since: number;
}

const EXAMPLE = `
Lines of all workers, put in order of their times, which are UTC. Logs hold no patient data. Where this folder has the
.ihub of an ihub up, its logs are meant, unless --kubeconfig, --context or -n says that a cluster is.

Exit code: 0, 1 when the log of a pod could not be read, 2 for wrong input or a cluster that can't be asked.

Examples:
  $ ihub logs phw-to-mpi -f --destinations
  $ ihub logs phw-to-mpi --since 10m --level warn
  $ ihub logs phw-to-mpi --destinations --level debug --control-id 4711
`;

/** How long a followed log may be silent before others go on without it. */
const patienceMs = 400;

/** Adds `ihub logs`. */
export function register(program: Command): void {
  const command = program
    .command('logs')
    .description('Show what the workers of a flow have logged')
    .argument('<flow>', 'such as phw-to-mpi')
    .option('--destinations', 'those of the senders of its destinations, too')
    .addOption(
      new Option('--stage <role>', 'of this stage only').choices(['listener', 'transformer', 'sender']),
    )
    .option('-f, --follow', 'go on until Ctrl-C')
    .option('--since <duration>', 'not older than this, as in 10m', duration('--since'))
    .addOption(new Option('--level <level>', 'at least so grave').choices(LEVELS).default('debug'))
    .option('--correlation <id>', 'about the message with this correlation id')
    .option('--control-id <id>', 'about messages with this MSH-10')
    .option('--json', 'the lines as they were written')
    .option('--data <folder>', 'the data folder of the ihub up that is meant');
  clusterOptions(command).addHelpText('after', EXAMPLE).action(showLogs);
}

async function showLogs(flow: string, options: LogsOptions): Promise<void> {
  const { stage, since, correlation, controlId } = options;
  const stop = new AbortController();
  if (options.follow) onStopSignal(() => stop.abort());
  const wish: LogWish = {
    flow,
    // A flow has no sender of its own.
    withDestinations: options.destinations === true || stage === 'sender',
    ...(stage !== undefined && { role: stage }),
    ...(since !== undefined && { since: Date.now() - since }),
    ...(options.follow && { signal: stop.signal }),
  };
  const filter: Filter = {
    since: wish.since ?? 0,
    level: options.level,
    ...(correlation !== undefined && { correlationId: correlation }),
    ...(controlId !== undefined && { controlId }),
  };
  const merge = new LogMerge(options.follow ? patienceMs : Infinity);
  const data = dataFolder(options);
  if (data !== undefined) {
    await print(merge, await addLocalLogs(merge, wish, data), filter, options);
    return;
  }
  // Loaded only here: Kubernetes' client takes its time.
  const { addPodLogs } = await import('./logs-cluster.js');
  await withCluster(options, async (cluster) => {
    const pods = await addPodLogs(cluster, merge, wish, (pod, why) => {
      console.error(`ihub: the log of ${pod} can't be read: ${why}`);
      // One that is followed is tried again.
      if (!options.follow) process.exitCode = 1;
    });
    await print(merge, pods, filter, options);
  });
}

async function print(
  merge: LogMerge,
  sources: readonly string[],
  filter: Filter,
  { json }: LogsOptions,
): Promise<void> {
  const width = Math.max(0, ...sources.map((name) => name.length));
  for await (const line of merge.lines()) {
    if (line.time < filter.since || !isWanted(line.text, filter)) continue;
    console.log(json ? line.text : readableLine(line, width, colours));
  }
}

const DEFAULT_DATA = '.ihub';

/** The data folder that is meant; undefined where a cluster is. */
function dataFolder({ data, kubeconfig, context, namespace }: LogsOptions): string | undefined {
  if (data !== undefined) return data;
  const isCluster = [kubeconfig, context, namespace].some((option) => option !== undefined);
  return !isCluster && existsSync(join(DEFAULT_DATA, 'logs')) ? DEFAULT_DATA : undefined;
}

async function addLocalLogs(merge: LogMerge, wish: LogWish, data: string): Promise<string[]> {
  const { localLines, localStages } = await import('./logs-laptop.js');
  const { flow, withDestinations, role, signal } = wish;
  const stages = await localStages(data, flow, withDestinations);
  const names = stages.filter((one) => role === undefined || one.role === role).map(({ name }) => name);
  for (const name of names) merge.add(localLines(data, name, signal));
  return names;
}
