import type { V1NetworkPolicyEgressRule, V1NetworkPolicySpec } from '@kubernetes/client-node';
import type { Stage } from '@integration-hub/api';
import type { Plain } from '../kubernetes/object.js';
import { selectorLabels } from './names.js';

/** As its Service has it, and as it mostly has behind that. */
const apiServerPorts = [443, 6443];

/**
 * What a stage's pods may be sent and may send: in, MLLP from anywhere (a listener's; hospitals are outside the
 * cluster) and metrics from pods; out, names, Kafka, a sender's receiver, an archivist's PostgreSQL, where telemetry
 * goes, and what the console asks: workers, PostgreSQL, the identity provider, the API server. By port, for the addresses behind names can't be written into a policy. Kubelet's probes are always let in.
 */
export function networkPolicySpec(stage: Stage): Plain<V1NetworkPolicySpec> {
  const { configuration, ports } = stage;
  const tcp = (port: number): { protocol: string; port: number } => ({ protocol: 'TCP', port });
  const kafkaPorts = new Set(configuration.kafka.bootstrapServers.map((server) => portOf(server)));
  const egress: Plain<V1NetworkPolicyEgressRule>[] = [
    { ports: [{ protocol: 'UDP', port: 53 }, tcp(53)] },
    { ports: [...kafkaPorts].map(tcp) },
  ];
  if (configuration.role === 'sender') egress.push({ ports: [tcp(configuration.mllp.port)] });
  if (configuration.role === 'archivist') egress.push({ ports: [tcp(configuration.database.port)] });
  if (configuration.role === 'console') {
    const { archive, health, login, notifier } = configuration;
    const reached = [
      health.httpPort,
      ...apiServerPorts,
      ...(archive ? [archive.database.port] : []),
      ...(login ? [Number(new URL(login.issuer).port || 443)] : []),
      ...(notifier.email ? [notifier.email.port] : []),
      ...notifier.webhooks.map(({ url }) => portOfUrl(url)),
    ];
    egress.push({ ports: [...new Set(reached)].map(tcp) });
  }
  if (configuration.telemetry !== null)
    egress.push({ ports: [tcp(portOfUrl(configuration.telemetry.endpoint))] });
  return {
    podSelector: { matchLabels: selectorLabels(stage.name) },
    policyTypes: ['Ingress', 'Egress'],
    ingress: [
      ...(ports.length > 0 ? [{ ports: ports.map(({ port }) => tcp(port)) }] : []),
      { from: [{ namespaceSelector: {} }], ports: [tcp(configuration.health.httpPort)] },
    ],
    egress,
  };
}

function portOfUrl(text: string): number {
  const { port, protocol } = new URL(text);
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
}

function portOf(server: string): number {
  return Number(server.slice(server.lastIndexOf(':') + 1));
}
