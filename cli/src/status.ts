import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { colours } from './colours.js';
import {
  clusterOptions,
  withCluster,
  type ClusterConnection,
  type ClusterOptions,
} from './cluster-connection.js';
import { onStopSignal } from './stop-signal.js';
import { UsageError } from './usage-error.js';

interface StatusOptions extends ClusterOptions {
  allNamespaces?: true;
  watch?: true;
  json?: true;
}

const EXAMPLE = `
What the operator last reported, of all flows and destinations or of one flow in full. A resource that is paused, or
whose last change the operator has not seen, is not ready. Counts are renewed every half a minute or so.

Exit code: 0 when all that is shown is ready, 1 when not, 2 for wrong input or a cluster that can't be asked.

Examples:
  $ ihub status
  $ ihub status phw-to-mpi -n hospital --watch
  $ ihub status -A --json | jq -r '.flows[] | select(.ready | not) | .trouble'
`;

const everyMs = 2_000;

/** Adds `ihub status`. */
export function register(program: Command): void {
  const command = program
    .command('status')
    .description('Show how the flows in a cluster are, and what is wrong with them')
    .argument('[flow]', 'one of them, in full');
  clusterOptions(command)
    .option('-A, --all-namespaces', 'the flows of all namespaces')
    .option('-w, --watch', 'again and again, until Ctrl-C')
    .option('--json', 'one JSON object; a line for each change with --watch')
    .addHelpText('after', EXAMPLE)
    .action(showStatus);
}

/** A report, and how it reads. */
interface Shown {
  readonly report: { readonly ready: boolean };
  readonly lines: readonly string[];
}

async function showStatus(flow: string | undefined, options: StatusOptions): Promise<void> {
  if (flow !== undefined && options.allNamespaces) {
    throw new UsageError('a flow has one namespace: name it with -n in place of -A');
  }
  const ask = (): Promise<Shown> => withCluster(options, (cluster) => look(cluster, flow, options));
  if (options.watch) {
    await watch(ask, options.json === true);
    return;
  }
  const { report, lines } = await ask();
  console.log(options.json ? JSON.stringify(report) : lines.join('\n'));
  process.exitCode = report.ready ? 0 : 1;
}

async function look(
  cluster: ClusterConnection,
  flow: string | undefined,
  { allNamespaces }: StatusOptions,
): Promise<Shown> {
  const [{ flowReport, overview }, { flowLines, overviewLines }] = await Promise.all([
    import('./status-report.js'),
    import('./status-text.js'),
  ]);
  if (flow !== undefined) {
    const report = await flowReport(cluster, flow);
    return { report, lines: flowLines(report, Date.now(), colours) };
  }
  const report = await overview(cluster.client, allNamespaces ? undefined : cluster.namespace);
  return { report, lines: overviewLines(report, Date.now(), colours, allNamespaces === true) };
}

/** Shows each change. A cluster that has answered and does not for a while is no end. */
async function watch(ask: () => Promise<Shown>, json: boolean): Promise<void> {
  const stop = new AbortController();
  onStopSignal(() => stop.abort());
  const { createLogUpdate } = await import('log-update');
  const screen = process.stdout.isTTY && !json ? createLogUpdate(process.stdout) : undefined;
  let last = '';
  while (!stop.signal.aborted) {
    const { report, lines } = await ask().catch((error: unknown): Shown => {
      if (last === '' || !(error instanceof UsageError)) throw error;
      return { report: { ready: false, ...{ error: error.message } }, lines: [error.message] };
    });
    process.exitCode = report.ready ? 0 : 1;
    const now = json ? JSON.stringify(report) : lines.join('\n');
    if (screen) screen(now);
    else if (now !== last) console.log(now);
    last = now;
    await sleep(everyMs, undefined, { signal: stop.signal }).catch(() => undefined);
  }
  screen?.done();
}
