/** What of the broker's configuration differs from one embedded broker to the next. */
export interface BrokerPlace {
  port: number;
  controllerPort: number;
  logDirectory: string;
  secured?: (SecuredListeners & { readonly sslPort: number; readonly saslPort: number }) | undefined;
}

/**
 * What a broker has beside its plain listener, which stays the administrators': there everything is allowed. One
 * listener asks for a certificate of TLS, one for a login over TLS; what either's users may do rules (ACLs) say.
 */
export interface SecuredListeners {
  /** PEM, as the others: the broker's certificate, and its key. */
  readonly certificate: string;
  readonly key: string;
  /** The authorities that issue the clients' certificates. */
  readonly clientAuthorities: string;
  /** Passwords by user, for every mechanism; those of SCRAM are taken when the data directory is new. */
  readonly logins?: Readonly<Record<string, string>>;
  /** After so long a broker wants the login again, in milliseconds (KIP-368); absent: never. */
  readonly loginAgainMs?: number;
}

/** The largest record batch the embedded broker takes, in bytes. */
const LARGEST_BATCH = 10 * 1024 * 1024;

/** The `server.properties` of one node that is broker and controller at once, bound to the loopback address. */
export function serverProperties({ port, controllerPort, logDirectory, secured }: BrokerPlace): string {
  const properties: Record<string, string | number | boolean> = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    'controller.listener.names': 'CONTROLLER',
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL',
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
    // Ours have sessions of 6 s; tests have shorter ones.
    'group.min.session.timeout.ms': 1_000,
    // After a crash the broker is let in again once its former session has run out.
    'broker.session.timeout.ms': 2_000,
    'broker.heartbeat.interval.ms': 300,
    // The cleaner's default buffer alone is 128 MB of heap.
    'log.cleaner.dedupe.buffer.size': 2 * 1024 * 1024,
    'num.network.threads': 1,
    'num.io.threads': 2,
  };
  if (secured !== undefined) Object.assign(properties, securedProperties(secured, properties));
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

function securedProperties(
  { sslPort, saslPort, loginAgainMs, ...secured }: NonNullable<BrokerPlace['secured']>,
  { listeners, 'advertised.listeners': advertised }: Record<string, string | number | boolean>,
): Record<string, string | number | boolean> {
  const more = `SSL://127.0.0.1:${sslPort},SASL_SSL://127.0.0.1:${saslPort}`;
  const oneLine = (pem: string): string => pem.trim().replaceAll('\n', '\\n');
  const users = Object.entries(secured.logins ?? {}).map(([user, password]) => `user_${user}="${password}"`);
  const login = 'org.apache.kafka.common.security';
  return {
    listeners: `${listeners},${more}`,
    'advertised.listeners': `${advertised},${more}`,
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.certificate.chain': oneLine(secured.certificate),
    'ssl.keystore.key': oneLine(secured.key),
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.certificates': oneLine(secured.clientAuthorities),
    'listener.name.ssl.ssl.client.auth': 'required',
    // A user is known by the common name of its certificate.
    'listener.name.ssl.ssl.principal.mapping.rules': 'RULE:^CN=([^,]+).*$/$1/,DEFAULT',
    'sasl.enabled.mechanisms': 'SCRAM-SHA-512,SCRAM-SHA-256,PLAIN',
    'listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config': `${login}.scram.ScramLoginModule required;`,
    'listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config': `${login}.scram.ScramLoginModule required;`,
    'listener.name.sasl_ssl.plain.sasl.jaas.config': `${login}.plain.PlainLoginModule required ${users.join(' ')};`,
    ...(loginAgainMs !== undefined && { 'connections.max.reauth.ms': loginAgainMs }),
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:ANONYMOUS',
  };
}
