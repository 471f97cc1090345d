/** `ihub up`: runs every flow under a path on this machine, until it is told to stop. */
import type { Command } from 'commander';
import { wholeNumber } from './option-value.js';
import type { UpOptions } from './run-hub.js';

/** Adds the command to the program. */
export function register(program: Command): void {
  program
    .command('up')
    .description('Run flows on this machine, on an embedded Apache Kafka')
    .requiredOption('-f, --file <path>', 'a manifest, or a folder of them; repeatable', collect)
    .option('--kafka <host:port>', 'use this Kafka instead of an embedded one')
    .option('--kafka-config <file>', 'how that Kafka is connected to: TLS, login (docs/tls.md)')
    .option(
      '--destination <name=host:port>',
      'deliver to another address than the manifest’s; repeatable',
      collect,
    )
    .option(
      '--secrets <folder>',
      'where the Secrets of TLS are: <folder>/<secret>/tls.crt, tls.key and ca.crt',
    )
    .option('--archive', 'keep messages in an embedded PostgreSQL, for ihub search and ihub trace')
    .option('--no-console', 'without the web console')
    .option(
      '--console-port <port>',
      'its port; default: 8090, or another where that is taken',
      wholeNumber('--console-port', 1, 65_535),
    )
    .option('--telemetry <url>', 'send traces of all messages, and metrics, there over OTLP/HTTP')
    .option('--data <folder>', 'where messages, offsets, logs and settings are kept', '.ihub')
    .option('--json', 'write one JSON object a line for each change, for programs')
    .addHelpText(
      'after',
      `
The data folder is kept: after a restart every flow goes on where it was. Workers log to its logs folder.

Exit code: 0 when it was stopped by Ctrl-C or SIGTERM, 1 when Kafka can't be started or ends by itself, 2 for wrong
input.

Example:
  $ ihub receive --port 2576 &
  $ ihub up -f manifests/flows
`,
    )
    .action(async (options: UpOptions) => {
      // Loaded only here: the other commands start sooner without Kafka's client and the engine's parts.
      const { runHub } = await import('./run-hub.js');
      await runHub(options);
    });
}

function collect(value: string, former: string[] = []): string[] {
  return [...former, value];
}
