/** The plan: resources in; topics and stages out. It knows neither Kubernetes nor processes, and does no I/O. */
import type { Destination } from './destination.js';
import type { Hub } from './hub.js';
import type { IntegrationFlow } from './integration-flow.js';
import type { Problem } from './problem.js';
import { durationToMs, sizeToBytes } from './quantity.js';
import { joinedUses, secretsFolder as mountedSecrets, tlsFiles, type SecretUse } from './tls.js';
import {
  auditTopic,
  deadLetterTopic,
  deduplicationTopic,
  eventsTopic,
  outboundTopic,
  receivedTopic,
  replaysTopic,
  securityTopic,
} from './topic-names.js';
import { notifierConfigurationOf } from './alert-notifications.js';
import type { ConsoleConfiguration, ConsolePlan } from './console-configuration.js';
import { alertSettingsOf } from './effective-alerts.js';
import { kafkaAccess, type HubKafkaSettings } from './hub-kafka.js';
import type {
  ListenerConfiguration,
  SenderConfiguration,
  TransformerConfiguration,
  WorkerConfiguration,
} from './worker-configuration.js';

/** A Kafka topic that must exist, and its settings. */
export interface Topic {
  readonly name: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly config: Readonly<Record<string, string>>;
  /** The resource whose messages it holds, such as `IntegrationFlow/phw-to-mpi`. */
  readonly owner: string;
}

/** What one process of a stage reads: a worker, or the console. */
export type StageConfiguration = WorkerConfiguration | ConsoleConfiguration;
export type Role = StageConfiguration['role'];

/** Whether it takes messages from a topic to pass them on: a transformer or a sender. */
export function passesOn(
  configuration: StageConfiguration,
): configuration is TransformerConfiguration | SenderConfiguration {
  return configuration.role === 'transformer' || configuration.role === 'sender';
}

/** A kind of worker that must run, and all that one process of it must know. */
export interface Stage {
  readonly name: string;
  readonly role: Role;
  readonly owner: string;
  /** Processes over all zones. */
  readonly replicas: number;
  /** Ports that other systems connect to. */
  readonly ports: readonly { readonly name: string; readonly port: number }[];
  /** Secrets whose keys must be files for each worker, under the folder that the plan was made for. Absent: none. */
  readonly secrets?: readonly SecretUse[];
  readonly configuration: StageConfiguration;
}

export interface Plan {
  readonly topics: readonly Topic[];
  readonly stages: readonly Stage[];
}

/** Partitions of a flow's own topics where it orders by field and doesn't say how many. */
const partitionsByField = 12;
/** Partitions of the events' topic; those of one message are in one. */
const eventPartitions = 6;
const health = { host: '0.0.0.0', tcpPort: 9000, httpPort: 9001 } as const;
/** How long a TLS handshake may take. A client needs some round trips for it. */
const handshakeTimeoutMs = 10_000;
/** A transformer that has stood still for so long still knows all of its window that it knew before. */
const longestStandstillMs = 86_400_000;
const leastSegmentMs = 600_000;
/** How long security events are kept, and how much of them. */
const [securityRetentionMs, securityRetentionBytes] = [365 * 86_400_000, 1_073_741_824];

/** How a stage speaks to the Hub's Kafka. */
function stageKafka(kafka: HubKafkaSettings, secretsFolder: string): StageConfiguration['kafka'] {
  const { access } = kafkaAccess(kafka, secretsFolder);
  return { ...access, client: kafka.client, sessionTimeoutMs: 6_000, watchdogMs: 60_000 };
}

/**
 * Plans all flows and destinations of one namespace.
 *
 * A flow with a problem is left out of the plan and its problem said; everything else goes on. A destination that
 * no flow names gets no sender.
 * @param hub the namespace's Hub
 * @param flows with distinct names
 * @param destinations with distinct names
 * @param secretsFolder where workers find the keys of Secrets, as `<folder>/<secret>/<key>`
 */
export function plan(
  hub: Hub,
  flows: readonly IntegrationFlow[],
  destinations: readonly Destination[],
  secretsFolder: string = mountedSecrets,
): Plan & { readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const known = new Map<string, Destination>();
  for (const destination of destinations) {
    const { name } = destination.metadata;
    if (known.has(name)) problems.push(duplicate('Destination', name));
    else known.set(name, destination);
  }
  const sound = soundFlows(flows, known, problems);

  const topics: Topic[] = [];
  const stages: Stage[] = [];
  const inUse = new Map<string, IntegrationFlow[]>();
  for (const flow of sound) {
    planFlow(hub, flow, secretsFolder, topics, stages);
    for (const { name } of flow.spec.destinations) inUse.set(name, [...(inUse.get(name) ?? []), flow]);
  }
  for (const [name, users] of inUse) {
    planDestination(hub, known.get(name)!, users, secretsFolder, topics, stages);
  }
  planArchive(hub, sound, secretsFolder, topics, stages);
  topics.push(securityEvents(hub));
  const used = [...inUse.keys()].map((name) => known.get(name)!);
  planConsole(hub, sound, used, secretsFolder, topics, stages);
  return { topics, stages: stages.map((stage) => withHubSecrets(hub, secretsFolder, stage)), problems };
}

function duplicate(kind: string, name: string): Problem {
  const message = 'is the name of two resources of this kind; remove or rename one';
  return { code: 'DUPLICATE', resource: `${kind}/${name}`, field: 'metadata.name', message };
}

function soundFlows(
  flows: readonly IntegrationFlow[],
  destinations: ReadonlyMap<string, Destination>,
  problems: Problem[],
): IntegrationFlow[] {
  const names = new Set<string>();
  const ports = new Map<number, string>();
  return flows.filter((flow) => {
    const { name } = flow.metadata;
    const resource = `IntegrationFlow/${name}`;
    const found: Problem[] = [];
    if (names.has(name)) found.push(duplicate('IntegrationFlow', name));
    names.add(name);
    if (destinations.has(name)) {
      const message = 'is also the name of a Destination; their dead letters would mix, so rename one';
      found.push({ code: 'NAME_TAKEN', resource, field: 'metadata.name', message });
    }
    const { port } = flow.spec.listener.mllp;
    const holder = ports.get(port);
    if (holder !== undefined) {
      const message = `${port} is already the port of the flow ${holder}; choose another`;
      found.push({ code: 'PORT_TAKEN', resource, field: 'spec.listener.mllp.port', message });
    }
    flow.spec.destinations.forEach((destination, index) => {
      const field = `spec.destinations[${index}].name`;
      if (!destinations.has(destination.name)) {
        const message = `"${destination.name}" is no Destination in this namespace; create it or correct the name`;
        found.push({ code: 'MISSING_DESTINATION', resource, field, message });
      }
    });
    problems.push(...found);
    if (found.length === 0) ports.set(port, name);
    return found.length === 0;
  });
}

/** One flow's listener, its transformer where it needs one, and the topics they write. */
function planFlow(
  hub: Hub,
  flow: IntegrationFlow,
  secretsFolder: string,
  topics: Topic[],
  stages: Stage[],
): void {
  const { name, namespace } = flow.metadata;
  const { spec } = flow;
  const owner = `IntegrationFlow/${name}`;
  const replicas = spec.availability.replicasPerZone * Math.max(1, hub.spec.zones.length);
  const deadLetters = deadLetterTopic(namespace, name);
  const largest = sizeToBytes(spec.listener.maxMessageSize);
  const common = {
    namespace,
    kafka: stageKafka(hub.spec.kafka, secretsFolder),
    health,
    logLevel: hub.spec.workers.logLevel,
    telemetry: telemetryOf(hub, secretsFolder),
    deadLetterTopic: deadLetters,
    eventsTopic: eventsOf(hub),
    flow: name,
    healthBoard: spec.healthBoard ?? '',
    peer: spec.peer ?? '',
  };
  const routes = spec.destinations.map(({ name: destination, when }) => ({
    destination,
    topic: outboundTopic(namespace, destination),
    when: when ?? null,
  }));
  // A stage that would only copy is left out: the listener then writes to the destination's topic itself.
  const direct =
    spec.transformer === undefined &&
    spec.deduplication === undefined &&
    routes.length === 1 &&
    routes[0]!.when === null;
  const received = receivedTopic(namespace, name);
  const tls = listenerTls(spec.listener.mllp.tls, secretsFolder);

  topics.push(topic(hub, deadLetters, 1, largest, owner));
  stages.push({
    name: `${name}-listener`,
    role: 'listener',
    owner,
    replicas,
    ports: [{ name: 'mllp', port: spec.listener.mllp.port }],
    ...(tls && { secrets: tls.secrets }),
    configuration: {
      ...common,
      role: 'listener',
      stage: `${name}-listener`,
      listen: {
        host: '0.0.0.0',
        port: spec.listener.mllp.port,
        maxConnections: spec.listener.mllp.maxConnections,
        frameTimeoutMs: durationToMs(spec.listener.mllp.frameTimeout),
        tls: tls?.configuration ?? null,
      },
      maxMessageBytes: largest,
      charset: spec.listener.charset,
      accept: {
        versions: spec.listener.accept.versions ?? null,
        sendingApplications: spec.listener.accept.sendingApplications ?? null,
        rules: spec.listener.accept.rules,
      },
      schema: schemaConfiguration(spec.listener.schema),
      securityTopic: securityTopic(namespace),
      contentPolicy: spec.contentPolicy,
      onReject: spec.listener.onReject,
      storeTimeoutMs: durationToMs(spec.listener.storeTimeout),
      ordering: spec.ordering.by === 'Field' ? { by: 'Field', path: spec.ordering.path! } : { by: 'Flow' },
      topic: direct ? routes[0]!.topic : received,
    },
  });
  if (direct) return;

  const partitions = spec.ordering.by === 'Field' ? (spec.ordering.partitions ?? partitionsByField) : 1;
  topics.push(topic(hub, received, partitions, largest, owner));
  const deduplication = planDeduplication(hub, flow, partitions, topics);
  stages.push({
    name: `${name}-transformer`,
    role: 'transformer',
    owner,
    replicas,
    ports: [],
    configuration: {
      ...common,
      role: 'transformer',
      stage: `${name}-transformer`,
      group: `ihub.${namespace}.${name}.transformer`,
      topic: received,
      charset: spec.listener.charset,
      mapping: spec.transformer?.mapping.name ?? 'identity',
      routes,
      deduplication,
    },
  });
}

/** The topic in which a transformer notes what it has passed on, where the flow drops what comes again. */
function planDeduplication(
  hub: Hub,
  { metadata: { name, namespace }, spec }: IntegrationFlow,
  partitions: number,
  topics: Topic[],
): TransformerConfiguration['deduplication'] {
  if (spec.deduplication === undefined) return null;
  const { window, maxMessages } = spec.deduplication;
  const windowMs = durationToMs(window);
  const planned = topic(hub, deduplicationTopic(namespace, name), partitions, 0, `IntegrationFlow/${name}`);
  topics.push({
    ...planned,
    config: {
      ...planned.config,
      'retention.ms': String(windowMs + longestStandstillMs),
      // Kafka deletes whole segments only.
      'segment.ms': String(Math.max(leastSegmentMs, Math.ceil(windowMs / 8))),
    },
  });
  return { topic: planned.name, partitions, windowMs, maxMessages };
}

function listenerTls(
  tls: IntegrationFlow['spec']['listener']['mllp']['tls'],
  secretsFolder: string,
): { configuration: ListenerConfiguration['listen']['tls']; secrets: SecretUse[] } | undefined {
  if (tls === undefined) return undefined;
  const { secretName, clientAuth, allowedNames = null, minVersion } = tls;
  const caSecret = clientAuth === 'None' ? undefined : secretName;
  const { files, secrets } = tlsFiles(secretsFolder, secretName, caSecret);
  return {
    configuration: {
      certificateFile: files.certificateFile!,
      keyFile: files.keyFile!,
      caFile: files.caFile,
      clientAuth,
      allowedNames,
      minVersion,
      handshakeTimeoutMs,
    },
    secrets,
  };
}

function schemaConfiguration(
  schema: IntegrationFlow['spec']['listener']['schema'],
): ListenerConfiguration['schema'] {
  if (schema === undefined) return null;
  const strictness = { Ignore: 'ignore', Warning: 'warning', Error: 'error' } as const;
  return { ...schema, lengths: strictness[schema.lengths], tables: strictness[schema.tables] };
}

/** One destination's sender, and the topics it reads and writes. */
function planDestination(
  hub: Hub,
  destination: Destination,
  users: readonly IntegrationFlow[],
  secretsFolder: string,
  topics: Topic[],
  stages: Stage[],
): void {
  const { name, namespace } = destination.metadata;
  const { spec } = destination;
  const owner = `Destination/${name}`;
  const largest = Math.max(...users.map((flow) => sizeToBytes(flow.spec.listener.maxMessageSize)));
  const outbound = outboundTopic(namespace, name);
  const deadLetters = deadLetterTopic(namespace, name);
  const { tls } = spec.mllp;
  const { files, secrets } = tlsFiles(secretsFolder, tls?.secretName, tls?.caSecretName ?? tls?.secretName);
  topics.push(
    topic(hub, outbound, spec.partitions, largest, owner),
    topic(hub, deadLetters, 1, largest, owner),
  );
  stages.push({
    name: `${name}-sender`,
    role: 'sender',
    owner,
    replicas: Math.max(1, hub.spec.zones.length),
    ports: [],
    ...(secrets.length > 0 && { secrets }),
    configuration: {
      role: 'sender',
      stage: `${name}-sender`,
      namespace,
      kafka: stageKafka(hub.spec.kafka, secretsFolder),
      health,
      logLevel: hub.spec.workers.logLevel,
      telemetry: telemetryOf(hub, secretsFolder),
      deadLetterTopic: deadLetters,
      eventsTopic: eventsOf(hub),
      destination: name,
      group: `ihub.${namespace}.${name}.sender`,
      topic: outbound,
      partitions: spec.partitions,
      mllp: {
        host: spec.mllp.host,
        port: spec.mllp.port,
        connectTimeoutMs: durationToMs(spec.mllp.connectTimeout),
        connections: spec.mllp.connections,
        tls: tls
          ? { ...files, serverName: tls.serverName ?? spec.mllp.host, minVersion: tls.minVersion }
          : null,
      },
      ackTimeoutMs: durationToMs(spec.ackTimeout),
      messagesPerMinute: spec.throttle?.messagesPerMinute ?? null,
      retry: {
        initialMs: durationToMs(spec.retry.initial),
        maxMs: durationToMs(spec.retry.max),
        onRefusal: spec.retry.onRefusal,
      },
    },
  });
}

/** Events are told where somebody takes them in: in a Hub with an archive. */
function eventsOf({ metadata, spec }: Hub): string | null {
  return spec.archive === undefined ? null : eventsTopic(metadata.namespace);
}

/** Where a pod may write; what is there goes with the pod. */
const spansFolder = '/tmp/ihub-spans';
const headersKey = 'headers';

function telemetryOf({ spec }: Hub, secretsFolder: string): WorkerConfiguration['telemetry'] {
  if (spec.telemetry === undefined) return null;
  const { endpoint, headersSecretName, caSecretName, sampleRatio } = spec.telemetry.otlp;
  const headersFile =
    headersSecretName === undefined ? null : `${secretsFolder}/${headersSecretName}/${headersKey}`;
  const { caFile } = tlsFiles(secretsFolder, undefined, caSecretName).files;
  return { endpoint, headersFile, caFile, sampleRatio, spansFolder };
}

/** Adds what every stage needs, whatever its role. */
function withHubSecrets({ spec }: Hub, secretsFolder: string, stage: Stage): Stage {
  const { headersSecretName, caSecretName } = spec.telemetry?.otlp ?? {};
  const secrets = joinedUses([
    ...(stage.secrets ?? []),
    ...kafkaAccess(spec.kafka).secrets,
    ...(headersSecretName === undefined ? [] : [{ name: headersSecretName, keys: [headersKey] }]),
    ...tlsFiles(secretsFolder, undefined, caSecretName).secrets,
  ]);
  return secrets.length === 0 ? stage : { ...stage, secrets };
}

/** The topic of events, and the archivist, which reads all topics; nothing where the Hub has no archive. */
function planArchive(
  hub: Hub,
  flows: readonly IntegrationFlow[],
  secretsFolder: string,
  topics: Topic[],
  stages: Stage[],
): void {
  const { archive, kafka, workers, zones } = hub.spec;
  const { name, namespace } = hub.metadata;
  if (archive === undefined) return;
  const owner = `Hub/${name}`;
  const { access, secrets } = archiveAccess(archive, secretsFolder);
  const events = eventsTopic(namespace);
  const notes = stages.flatMap(({ configuration: one }) =>
    one.role === 'transformer' && one.deduplication !== null ? [one.deduplication.topic] : [],
  );
  const carried = topics.map((one) => one.name).filter((one) => !notes.includes(one));
  topics.push(topic(hub, events, eventPartitions, 0, owner), replayRecords(hub, owner));
  stages.push({
    name: 'archivist',
    role: 'archivist',
    owner,
    replicas: Math.max(1, zones.length),
    ports: [],
    secrets,
    configuration: {
      role: 'archivist',
      stage: 'archivist',
      namespace,
      kafka: stageKafka(kafka, secretsFolder),
      health,
      logLevel: workers.logLevel,
      telemetry: telemetryOf(hub, secretsFolder),
      group: `ihub.${namespace}.archivist`,
      topics: [...carried, events, replaysTopic(namespace)],
      eventsTopic: events,
      replaysTopic: replaysTopic(namespace),
      contentPolicies: Object.fromEntries(
        flows.map(({ metadata, spec }) => [metadata.name, spec.contentPolicy]),
      ),
      patientIdentifiers: archive.patientIdentifiers,
      retentionMs: durationToMs(archive.retention),
      ...access,
    },
  });
}

/** How a process reaches the archive, and the Secrets that it needs for that. */
function archiveAccess(
  { postgres, keysSecretName }: NonNullable<Hub['spec']['archive']>,
  secretsFolder: string,
): { access: NonNullable<ConsoleConfiguration['archive']>; secrets: SecretUse[] } {
  const { files, secrets } = tlsFiles(secretsFolder, undefined, postgres.caSecretName);
  return {
    access: {
      database: {
        host: postgres.host,
        port: postgres.port,
        name: postgres.database,
        userFile: `${secretsFolder}/${postgres.secretName}/username`,
        passwordFile: `${secretsFolder}/${postgres.secretName}/password`,
        caFile: files.caFile,
      },
      contentKeyFile: `${secretsFolder}/${keysSecretName}/content.key`,
      identifierKeyFile: `${secretsFolder}/${keysSecretName}/identifier.key`,
    },
    secrets: [
      { name: postgres.secretName, keys: ['username', 'password'] },
      { name: keysSecretName, keys: ['content.key', 'identifier.key'] },
      ...secrets,
    ],
  };
}

/** The web console and the topic of its audit; nothing where the Hub has none. */
function planConsole(
  hub: Hub,
  flows: readonly IntegrationFlow[],
  destinations: readonly Destination[],
  secretsFolder: string,
  topics: Topic[],
  stages: Stage[],
): void {
  const { archive, console: wish, kafka, workers, zones } = hub.spec;
  const { name, namespace } = hub.metadata;
  if (wish === undefined) return;
  const { oidc, publicUrl = null, session } = wish;
  const owner = `Hub/${name}`;
  const audit = topic(hub, auditTopic(namespace), 1, 0, owner);
  // Who read what is asked for years later, and is little.
  topics.push({ ...audit, config: { ...audit.config, 'retention.ms': '-1' } });
  const reached = archive && archiveAccess(archive, secretsFolder);
  const provider = tlsFiles(secretsFolder, undefined, oidc?.caSecretName);
  const notifier = notifierConfigurationOf(hub, secretsFolder);
  const watched = [hub, ...flows, ...destinations];
  stages.push({
    name: 'console',
    role: 'console',
    owner,
    // Sessions and what it has seen of an hour are in its memory.
    replicas: 1,
    ports: [{ name: 'console', port: wish.port }],
    secrets: [
      ...(reached?.secrets ?? []),
      ...(oidc ? [{ name: oidc.secretName, keys: ['client-secret'] }] : []),
      ...provider.secrets,
      ...notifier.secrets,
    ],
    configuration: {
      role: 'console',
      stage: 'console',
      namespace,
      kafka: stageKafka(kafka, secretsFolder),
      health,
      logLevel: workers.logLevel,
      telemetry: telemetryOf(hub, secretsFolder),
      hub: name,
      listen: { host: '0.0.0.0', port: wish.port },
      publicUrl,
      login: oidc
        ? {
            issuer: oidc.issuer,
            clientId: oidc.clientId,
            clientSecretFile: `${secretsFolder}/${oidc.secretName}/client-secret`,
            caFile: provider.files.caFile,
            scopes: [...new Set(['openid', ...oidc.scopes])],
            rolesClaim: oidc.rolesClaim,
            roles: oidc.roles,
          }
        : null,
      session: { idleMs: durationToMs(session.idle), absoluteMs: durationToMs(session.absolute) },
      auditTopic: audit.name,
      notifier: notifier.configuration,
      alertOverridesFile: null,
      archive: reached?.access ?? null,
      workers: { host: workersService(name, namespace), port: health.httpPort },
      plan: {
        ...consolePlan(flows, zones, stages),
        alerts: watched.map((resource) => alertSettingsOf(hub, resource).settings),
      },
    },
  });
}

/** The name whose addresses are those of all workers of a Hub. */
export function workersService(hub: string, namespace: string): string {
  return `${hub}-workers.${namespace}.svc`;
}

function consolePlan(
  flows: readonly IntegrationFlow[],
  zones: readonly string[],
  stages: readonly Stage[],
): Omit<ConsolePlan, 'alerts'> {
  const configurations = stages.map(({ configuration }) => configuration);
  const ofRole = <R extends WorkerConfiguration['role']>(
    role: R,
  ): Extract<WorkerConfiguration, { role: R }>[] =>
    configurations.filter((one): one is Extract<WorkerConfiguration, { role: R }> => one.role === role);
  const transformers = ofRole('transformer');
  return {
    zones: [...zones],
    workers: null,
    flows: ofRole('listener').map((listener) => {
      const { flow: name, stage, ordering, topic: intake } = listener;
      const { accept, charset, schema, maxMessageBytes } = listener;
      const { spec } = flows.find(({ metadata }) => metadata.name === name)!;
      const transformer = transformers.find(({ flow }) => flow === name);
      return {
        name,
        ordering,
        contentPolicy: spec.contentPolicy,
        listener: stage,
        intake,
        checks: { accept, charset, schema, maxMessageBytes },
        transformer: transformer
          ? {
              stage: transformer.stage,
              group: transformer.group,
              topic: transformer.topic,
              mapping: transformer.mapping,
            }
          : null,
        destinations: spec.destinations.map((destination) => destination.name),
        deadLetterTopic: listener.deadLetterTopic,
      };
    }),
    destinations: ofRole('sender').map((sender) => ({
      name: sender.destination,
      sender: sender.stage,
      group: sender.group,
      topic: sender.topic,
      deadLetterTopic: sender.deadLetterTopic,
      messagesPerMinute: sender.messagesPerMinute,
    })),
  };
}

/** Security events are asked for long after; and who makes them without end must not fill the brokers' disks. */
function securityEvents(hub: Hub): Topic {
  const { name, namespace } = hub.metadata;
  const planned = topic(hub, securityTopic(namespace), 1, 0, `Hub/${name}`);
  const kept = {
    'retention.ms': String(securityRetentionMs),
    'retention.bytes': String(securityRetentionBytes),
    // Kafka deletes whole segments only.
    'segment.bytes': String(securityRetentionBytes / 16),
  };
  return { ...planned, config: { ...planned.config, ...kept } };
}

/** Where replays keep how far they have come: however long one is paused, it must not be forgotten. */
function replayRecords(hub: Hub, owner: string): Topic {
  const planned = topic(hub, replaysTopic(hub.metadata.namespace), 1, 0, owner);
  return { ...planned, config: { ...planned.config, 'cleanup.policy': 'compact', 'retention.ms': '-1' } };
}

function topic(hub: Hub, name: string, partitions: number, largestMessage: number, owner: string): Topic {
  const { kafka, zones } = hub.spec;
  // Two copies in each zone, and more in sync than one zone holds: an acknowledged message is in every zone
  // (docs/architecture.md, "What an acknowledgement means").
  const replicationFactor = kafka.replicationFactor ?? Math.max(1, 2 * zones.length);
  const minInsyncReplicas = kafka.minInsyncReplicas ?? Math.floor(replicationFactor / 2) + 1;
  return {
    name,
    partitions,
    replicationFactor,
    owner,
    config: {
      'cleanup.policy': 'delete',
      'retention.ms': String(durationToMs(kafka.retention)),
      // By the brokers' clock: by that of a worker which is in the past, Kafka would delete at once what is acknowledged;
      // what comes from the future it would refuse.
      'message.timestamp.type': 'LogAppendTime',
      'min.insync.replicas': String(minInsyncReplicas),
      'unclean.leader.election.enable': 'false',
      // The broker limits a whole batch. A mapping may make a message larger, and a dead letter has more headers.
      'max.message.bytes': String(Math.max(4 * 1_048_576, 2 * largestMessage + 1_048_576)),
    },
  };
}
