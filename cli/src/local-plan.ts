/** Turns a plan for a cluster into the same plan for one machine. */
import { resolve } from 'node:path';
import {
  hub as hubSchema,
  plan,
  problemText,
  type ArchivistConfiguration,
  type Destination,
  type Hub,
  type IntegrationFlow,
  type KafkaAccess,
  type Plan,
  type Stage,
  type StageConfiguration,
} from '@integration-hub/api';
import { checkConfiguration, readKafkaTls, readTlsFiles, TlsFilesError } from '@integration-hub/workers';
import type { Manifests } from './manifests.js';
import { UsageError } from './usage-error.js';

/** Everything that a plan for this machine needs beside the manifests. */
export interface LocalSettings {
  readonly kafka: KafkaAccess;
  /** Where true, Kafka is the one node that we started, whatever the Hub says of copies. */
  readonly embedded: boolean;
  /** Other addresses for destinations, by name. */
  readonly addresses: ReadonlyMap<string, { readonly host: string; readonly port: number }>;
  /** Folder with a folder for each Secret, and in it a file for each of its keys. */
  readonly secrets?: string | undefined;
  /** The PostgreSQL on this machine; absent: there is no archive, whatever the Hub says. */
  readonly archive?: LocalArchivePlace | undefined;
  /** The console; absent: there is none, whatever the Hub says. */
  readonly console?: LocalConsole | undefined;
  /** Where traces and metrics go; absent: nowhere, whatever the Hub says. */
  readonly telemetry?: LocalTelemetry | undefined;
}

export interface LocalTelemetry {
  /** URL of OTLP/HTTP. */
  readonly endpoint: string;
  /** Where spans are kept while nobody takes them in. */
  readonly spansFolder: string;
  /** Share of messages that are traced; absent: all, which one machine can bear. */
  readonly sampleRatio?: number | undefined;
}

export interface LocalConsole {
  readonly port: number;
  /** Where it keeps which alarms are silenced and tuned. */
  readonly alertOverridesFile: string;
}

export interface LocalArchivePlace {
  readonly port: number;
  readonly database: string;
  /** Folder with the keys of its Secrets as files. */
  readonly secrets: string;
}

const loopback = '127.0.0.1';

/**
 * @throws UsageError where the resources don't fit together, a mapping or expression is wrong, or a Secret is missing
 */
export function planLocally(manifests: Manifests, settings: LocalSettings): Plan {
  const destinations = manifests.destinations.map((destination) =>
    readdress(destination, settings.addresses),
  );
  for (const name of settings.addresses.keys()) {
    if (!destinations.some((destination) => destination.metadata.name === name)) {
      throw new UsageError(`--destination ${name}=…: there is no Destination of that name in the manifests`);
    }
  }
  const hub = localHub(manifests.hub, settings);
  const secrets = settings.secrets === undefined ? undefined : resolve(settings.secrets);
  const { topics, stages } = soundPlan(hub, manifests.flows, destinations, secrets);
  refuseMissingSecrets(stages, settings.secrets);
  refuseUnusable(settings.kafka);
  return { topics, stages: stages.map((stage) => onThisMachine(stage, settings)) };
}

/**
 * The plan of resources that all fit together.
 *
 * @throws UsageError where they don't, or a mapping or expression is wrong
 */
export function soundPlan(
  hub: Hub,
  flows: readonly IntegrationFlow[],
  destinations: readonly Destination[],
  secretsFolder?: string,
): Plan {
  const { topics, stages, problems } = plan(hub, flows, destinations, secretsFolder);
  if (problems.length > 0) throw new UsageError(problems.map(problemText).join('\n'));
  const wrong = stages.flatMap(({ owner, configuration }) => {
    const sentence = checkConfiguration(configuration);
    return sentence === undefined ? [] : [`${owner}: ${sentence}`];
  });
  if (wrong.length > 0) throw new UsageError(wrong.join('\n'));
  return { topics, stages };
}

function refuseMissingSecrets(stages: readonly Stage[], folder: string | undefined): void {
  const wrong = stages.flatMap(({ owner, configuration, secrets = [] }) => {
    if (configuration.role === 'archivist' || configuration.role === 'console') return []; // They are given their own.
    const needed = secrets.flatMap(({ name, keys }) => keys.map((key) => `${name}/${key}`));
    if (needed.length > 0 && folder === undefined) {
      return [`${owner} uses TLS: give --secrets DIR, a folder that holds ${needed.join(', ')}`];
    }
    const tls =
      configuration.role === 'listener'
        ? configuration.listen.tls
        : configuration.role === 'sender'
          ? configuration.mllp.tls
          : null;
    if (tls === null) return [];
    try {
      readTlsFiles(tls);
      return [];
    } catch (error) {
      if (error instanceof TlsFilesError) return [`${owner}: ${error.message}`];
      throw error;
    }
  });
  if (wrong.length > 0) throw new UsageError(wrong.join('\n'));
}

function refuseUnusable({ tls }: KafkaAccess): void {
  try {
    if (tls !== null) readKafkaTls(tls);
  } catch (error) {
    throw error instanceof TlsFilesError ? new UsageError(`Kafka: ${error.message}`) : error;
  }
}

/** The Hub where the manifests have none: no zones, and one copy of each record. */
export function plainHub(bootstrapServers: readonly string[]): Hub {
  return hubSchema.parse({
    apiVersion: 'integrationhub.dev/v1alpha1',
    kind: 'Hub',
    metadata: { name: 'laptop' },
    spec: { kafka: { bootstrapServers } },
  });
}

function localHub(
  found: Hub | undefined,
  { kafka: { bootstrapServers }, embedded, archive, console, telemetry }: LocalSettings,
): Hub {
  const hub = found ?? plainHub(bootstrapServers);
  const copies = embedded ? { replicationFactor: 1, minInsyncReplicas: 1 } : {};
  return {
    ...hub,
    spec: {
      ...hub.spec,
      kafka: {
        ...hub.spec.kafka,
        bootstrapServers: [...bootstrapServers],
        // How it is reached from here is another matter.
        tls: undefined,
        sasl: undefined,
        ...copies,
      },
      zones: embedded ? [] : hub.spec.zones,
      telemetry: telemetry && {
        otlp: { endpoint: telemetry.endpoint, sampleRatio: telemetry.sampleRatio ?? 1 },
      },
      archive: archive && {
        ...{ retention: '90d', patientIdentifiers: 'Hashed', ...hub.spec.archive },
        postgres: { host: loopback, port: archive.port, database: archive.database, secretName: 'archive' },
        keysSecretName: 'archive',
      },
      // Without a login: it is reached from this machine only.
      console: console && { port: console.port, session: { idle: '24h', absolute: '7d' } },
    },
  };
}

function readdress(destination: Destination, addresses: LocalSettings['addresses']): Destination {
  const address = addresses.get(destination.metadata.name);
  if (!address) return destination;
  return { ...destination, spec: { ...destination.spec, mllp: { ...destination.spec.mllp, ...address } } };
}

/** One process of each stage, reachable from this machine only, with health ports that don't meet. */
function onThisMachine(stage: Stage, { kafka, archive, console, telemetry: wish }: LocalSettings): Stage {
  const configuration = withKafka(stage.configuration, kafka);
  const health = { host: loopback, tcpPort: 0, httpPort: 0 };
  const telemetry = configuration.telemetry && { ...configuration.telemetry, spansFolder: wish!.spansFolder };
  if (configuration.role === 'listener') {
    const listen = { ...configuration.listen, host: loopback };
    return { ...stage, replicas: 1, configuration: { ...configuration, health, telemetry, listen } };
  }
  if (configuration.role === 'archivist') {
    const access = archiveAccess(configuration, archive!);
    return { ...stage, replicas: 1, configuration: { ...configuration, health, telemetry, ...access } };
  }
  if (configuration.role === 'console') {
    const listen = { ...configuration.listen, host: loopback };
    const access = configuration.archive && archiveAccess(configuration.archive, archive!);
    const { alertOverridesFile } = console!;
    const own = { health, telemetry, listen, alertOverridesFile, archive: access, workers: null };
    return { ...stage, configuration: { ...configuration, ...own } };
  }
  return { ...stage, replicas: 1, configuration: { ...configuration, health, telemetry } };
}

function withKafka<C extends StageConfiguration>(configuration: C, kafka: KafkaAccess): C {
  return { ...configuration, kafka: { ...configuration.kafka, ...kafka } };
}

/** With the files of the PostgreSQL on this machine. */
function archiveAccess(
  { database }: Pick<ArchivistConfiguration, 'database'>,
  { secrets }: LocalArchivePlace,
): Pick<ArchivistConfiguration, 'database' | 'contentKeyFile' | 'identifierKeyFile'> {
  const file = (key: string): string => resolve(secrets, key);
  return {
    database: { ...database, userFile: file('username'), passwordFile: file('password') },
    contentKeyFile: file('content.key'),
    identifierKeyFile: file('identifier.key'),
  };
}
