import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { fetchKafka } from '@integration-hub/kafka';
import { inClusterGroup } from './cgroup.js';
import { clusterDirectory } from './cluster.js';
import { ClusterError } from './cluster-error.js';
import { Component } from './component.js';
import { networkNamespace } from './network.js';
import { MACHINE, type Zone, ZONES } from './zones.js';

/** Any 16 bytes, in base64. */
const CLUSTER_ID = 'aHViLXR3by16b25lcw';
const LOGGING = fileURLToPath(new URL('../../../kafka/broker/log4j2.xml', import.meta.url));
const CONTROLLER_PORT = 9093;

/** A real Kafka beside the test cluster, its brokers in the zones' networks: who cuts a zone cuts its brokers. */
export interface ClusterKafka {
  /** Reached from pods and from the machine. */
  readonly bootstrapServers: string[];
  readonly brokers: readonly { zone: Zone; process: Component }[];
  readonly controller: Component;
}

/**
 * Starts Kafka for the cluster that is up, with which it ends. The controller is on the machine, the third place
 * that a quorum over two zones needs; every topic has a copy on each broker unless it says otherwise.
 *
 * @param brokersPerZone each takes some 300 MB of memory
 * @throws ClusterError COMPONENT_NOT_STARTED
 * @throws BrokerError where Kafka or Java is missing
 */
export async function startKafka({ brokersPerZone = 1 } = {}): Promise<ClusterKafka> {
  const jars = await fetchKafka();
  const places = ZONES.flatMap((zone) =>
    Array.from({ length: brokersPerZone }, (_, index) => ({ zone, port: 9092 + 2 * index })),
  );
  const startingController = startProcess(
    jars,
    'kafka-controller',
    [],
    { host: MACHINE, port: CONTROLLER_PORT },
    {
      'process.roles': 'controller',
      'node.id': 100,
      listeners: `CONTROLLER://${MACHINE}:${CONTROLLER_PORT}`,
      // A broker that is cut off is given up in seconds.
      'broker.session.timeout.ms': 6_000,
    },
  );
  const startingBrokers = places.map(async ({ zone, port }, index) => {
    const address = `PLAINTEXT://${zone.address}:${port}`;
    const process = await startProcess(
      jars,
      `kafka-${index + 1}-${zone.name}`,
      ['nsenter', `--net=/run/netns/${networkNamespace(zone)}`],
      { host: zone.address, port },
      {
        'process.roles': 'broker',
        'node.id': index + 1,
        'broker.rack': zone.name,
        listeners: address,
        'advertised.listeners': address,
        ...copies(places.length),
        'group.initial.rebalance.delay.ms': 0,
        'auto.create.topics.enable': false,
        'unclean.leader.election.enable': false,
        'message.max.bytes': 10 << 20,
        'replica.lag.time.max.ms': 10_000,
        'transaction.max.timeout.ms': 60_000,
        'log.cleaner.dedupe.buffer.size': 2 << 20,
      },
    );
    return { zone, process };
  });
  // A broker waits for the controller by itself.
  const [controller, ...brokers] = await Promise.all([startingController, ...startingBrokers]);
  return {
    bootstrapServers: places.map(({ zone, port }) => `${zone.address}:${port}`),
    brokers,
    controller,
  };
}

/** Acknowledged is what both zones have: one broker more than a zone has must have it. */
function copies(brokers: number): Record<string, number> {
  const inSync = brokers / 2 + 1;
  return {
    'default.replication.factor': brokers,
    'min.insync.replicas': inSync,
    'offsets.topic.replication.factor': brokers,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': brokers,
    'transaction.state.log.min.isr': inSync,
    'transaction.state.log.num.partitions': 4,
  };
}

async function startProcess(
  jars: string,
  name: string,
  inside: string[],
  place: { host: string; port: number },
  settings: Record<string, string | number | boolean>,
): Promise<Component> {
  const directory = join(clusterDirectory(), name);
  await mkdir(directory, { recursive: true });
  const properties = join(directory, 'server.properties');
  const all = {
    'controller.quorum.voters': `100@${MACHINE}:${CONTROLLER_PORT}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': join(directory, 'data'),
    ...settings,
  };
  await writeFile(
    properties,
    Object.entries(all)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  );
  const home = process.env.JAVA_HOME ?? '';
  const java = [
    ...[
      home === '' ? 'java' : join(home, 'bin/java'),
      '-Xmx256m',
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=1',
    ],
    ...[`-Dlog4j2.configurationFile=${LOGGING}`, '-cp', join(jars, '*')],
  ];
  const format = [...java, 'kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', properties];
  await promisify(execFile)(format[0]!, format.slice(1)).catch((error: unknown) => {
    throw new ClusterError(
      'COMPONENT_NOT_STARTED',
      `${name} could not be given its storage: ${String(error)}`,
      {
        cause: error,
      },
    );
  });
  return Component.start({
    name,
    command: [...(await inClusterGroup()), ...inside, ...java, 'kafka.Kafka', properties],
    logFile: join(clusterDirectory(), 'logs', `${name}.log`),
    outlives: true,
    isReady: () => accepts(place),
  });
}

/** A broker opens its port when it is in the cluster. */
async function accepts(place: { host: string; port: number }): Promise<boolean> {
  return new Promise((tried) => {
    const socket = connect(place);
    const end = (accepted: boolean): void => {
      socket.destroy();
      tried(accepted);
    };
    socket.setTimeout(1000, () => end(false));
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}
