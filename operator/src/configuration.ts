/** What the operator is told at its start, by flags or, behind them, by the environment. */
import { hostname } from 'node:os';
import { parseArgs } from 'node:util';
import { workerNodeOptions } from '@integration-hub/workers';
import { z } from 'zod';

const milliseconds = z.coerce.number().int().min(100).max(86_400_000);

const schema = z.strictObject({
  /** Empty: all namespaces. */
  namespace: z.string().default(''),
  /** Whether nodes may be read, for their zones; a role of one namespace can't allow it. */
  'read-nodes': z.enum(['true', 'false']).optional(),
  'worker-image': z.string().min(1, 'is needed: the image that workers run, such as integration-hub:1.0.0'),
  'worker-command': z
    .string()
    .min(1)
    .default(`node ${workerNodeOptions.join(' ')} /app/workers/bin/ihub-worker.js`),
  'console-command': z.string().min(1).default('node /app/console/bin/ihub-console.js'),
  'lease-namespace': z.string().min(1, 'is needed: the namespace of the Lease; POD_NAMESPACE in a pod'),
  'lease-name': z.string().min(1).default('integration-hub-operator'),
  /** Names this process in the Lease and in events. */
  identity: z.string().min(1),
  'lease-duration-ms': milliseconds.default(12_000),
  'http-port': z.coerce.number().int().min(0).max(65_535).default(8080),
  concurrency: z.coerce.number().int().min(1).max(64).default(16),
  'relist-ms': milliseconds.default(600_000),
  /** The API server sends a bookmark about every minute. */
  'silence-ms': milliseconds.default(90_000),
  /** Absent: a lost zone's topics are lowered by a person. */
  'lower-after-zone-loss-ms': milliseconds.optional(),
  'status-every-ms': milliseconds.default(30_000),
  'log-level': z.enum(['error', 'warn', 'info', 'debug']).default('info'),
});

type Settings = z.output<typeof schema>;

/** The operator's configuration. */
export interface Configuration extends Omit<Settings, 'read-nodes' | 'worker-command' | 'console-command'> {
  readonly readNodes: boolean;
  readonly workerCommand: readonly string[];
  readonly consoleCommand: readonly string[];
}

/** A flag or variable is wrong; the text says which and what it must be. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  readonly code = 'BAD_CONFIGURATION';
}

/**
 * Reads `--worker-image IMAGE` and the like, or IHUB_WORKER_IMAGE and the like.
 *
 * @throws ConfigurationError
 */
export function readConfiguration(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Configuration {
  const names = Object.keys(schema.shape);
  let flags: Record<string, unknown>;
  try {
    flags = parseArgs({
      args: [...args],
      options: Object.fromEntries(names.map((name) => [name, { type: 'string' as const }])),
    }).values;
  } catch (error) {
    throw new ConfigurationError((error as Error).message);
  }
  const defaults: Record<string, string | undefined> = {
    'lease-namespace': environment.POD_NAMESPACE,
    identity: environment.POD_NAME ?? `${hostname()}-${process.pid}`,
  };
  const given = Object.fromEntries(
    names.flatMap((name) => {
      const variable = `IHUB_${name.toUpperCase().replaceAll('-', '_')}`;
      const value = flags[name] ?? environment[variable] ?? defaults[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const parsed = schema.safeParse(given);
  if (!parsed.success) {
    const wrong = parsed.error.issues.map(({ path, message }) => {
      const said = message.endsWith('received undefined') ? 'is needed' : message;
      return `--${path.join('.')}: ${said}`;
    });
    throw new ConfigurationError(wrong.join('\n'));
  }
  const {
    'read-nodes': readNodes,
    'worker-command': workerCommand,
    'console-command': consoleCommand,
    ...settings
  } = parsed.data;
  const words = (command: string): string[] => command.split(' ').filter((word) => word !== '');
  return {
    ...settings,
    readNodes: readNodes === undefined ? settings.namespace === '' : readNodes === 'true',
    workerCommand: words(workerCommand),
    consoleCommand: words(consoleCommand),
  };
}
