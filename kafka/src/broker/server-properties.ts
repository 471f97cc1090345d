/** What of the broker's configuration differs from one embedded broker to the next. */
export interface BrokerPlace {
  port: number;
  controllerPort: number;
  logDirectory: string;
}

/** The largest record batch the embedded broker takes, in bytes. */
const LARGEST_BATCH = 10 * 1024 * 1024;

/** The `server.properties` of one node that is broker and controller at once, bound to the loopback address. */
export function serverProperties({ port, controllerPort, logDirectory }: BrokerPlace): string {
  const properties: Record<string, string | number | boolean> = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    'controller.listener.names': 'CONTROLLER',
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': logDirectory.replaceAll('\\', '\\\\'),
    'auto.create.topics.enable': false,
    'unclean.leader.election.enable': false,
    'message.max.bytes': LARGEST_BATCH,
    // There is one node, and few topics: no replicas, and few partitions of the topics that Kafka keeps for itself.
    'default.replication.factor': 1,
    'min.insync.replicas': 1,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 4,
    // An open transaction hides what follows it from every reader; one that its producer left is ended in seconds.
    'transaction.max.timeout.ms': 60_000,
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': 2_000,
    // A group of one or two members need not wait for others to join.
    'group.initial.rebalance.delay.ms': 0,
    // After a crash the broker is let in again once its former session has run out.
    'broker.session.timeout.ms': 2_000,
    'broker.heartbeat.interval.ms': 300,
    // The cleaner's default buffer alone is 128 MB of heap.
    'log.cleaner.dedupe.buffer.size': 2 * 1024 * 1024,
    'num.network.threads': 1,
    'num.io.threads': 2,
  };
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}
